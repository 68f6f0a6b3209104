"""Rows of the adversarial exam: what fell to which attack, and of what waves the changes were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from eyechart.core.exam import Array
from eyechart.core.query import Answers, Query
from eyechart.exams.adversarial_layout import CHECKUP, PIXELS, Layout, Trial
from eyechart.spectrum.density import energy_plane, head_of_profile, profile_of_plane
from eyechart.spectrum.grid import half_plane_weights, radius_map, ring_sums, rings
from eyechart.views.attacks.ball import Norm
from eyechart.views.splits import luminance

MANNERS = (
    "looks_differ",
    "look_distance",
    "company",
    "differentiates",
    "zero_probability",
    "gradient_ce",
    "gradient_margin",
    "outside",
)
HEAD_SHARE = 0.8
# Of a size: what rounding puts beyond it. The float32 length of 150,000 values errs by 1.3e-5.
SLACK: Mapping[Norm, float] = {"linf": 0.0, "l2": 5e-5}


def fallen(answers: Answers, trial: Trial, labels: Array) -> tuple[Array, Array]:
    """(n,) whether an attack's claim to have broken an image holds in a pass of its own, and whether it does not."""
    answer = answers[trial.query]
    claimed = answer.notes["broken"] == 1
    wrong = answer.top1 != labels
    return claimed & wrong, claimed & ~wrong


def fates(answers: Answers, layout: Layout, labels: Array) -> dict[str, Array]:
    """Column by attack: (n,) or (n, sizes) bool; and what checks need of all attacks together."""
    rows: dict[str, Array] = {}
    unconfirmed, excess, nan = np.zeros(len(labels), np.int32), np.zeros(len(labels)), np.zeros(len(labels), bool)
    for name, trials in layout.columns.items():
        found = [fallen(answers, trial, labels) for trial in trials]
        broken = np.stack([one for one, _ in found], 1)
        rows[f"{name}_broken"] = broken if name in layout.by_size else broken[:, 0]
        unconfirmed += sum(other for _, other in found)
        for trial in trials:
            notes = answers[trial.query].notes
            excess = np.fmax(excess, notes[layout.norm] - trial.eps * (1 + SLACK[layout.norm]))
            nan |= notes["nan"] == 1
            if name == layout.full:
                rows["broken_by"] = notes.get("broken_by", np.full(len(labels), np.nan)).astype(np.float32)
    return {**rows, "unconfirmed": unconfirmed, "excess": excess.astype(np.float32), "nan": nan}


def distances(answers: Answers, layout: Layout, labels: Array) -> dict[str, Array]:
    """The smallest change found, NaN where there is none (or none is needed), or where a second pass finds it harmless."""
    if layout.smallest is None:
        return {}
    answer = answers[Query(layout.smallest)]
    found = np.asarray(answer.notes.get("distance", np.full(len(labels), np.nan)), np.float32)
    harmless = np.isfinite(found) & (answer.top1 == labels)
    return {"distance": np.where(harmless, np.float32(np.nan), found), "distance_unconfirmed": harmless}


def transferred(answers: Answers, layout: Layout) -> dict[str, Array]:
    """How the other model fared with the changes that were made on it."""
    trials = layout.columns.get("transfer", ())
    if not trials:
        return {}
    notes = [answers[trial.query].notes for trial in trials]
    broken = np.stack([one["surrogate_broken"] == 1 for one in notes], 1)
    return {"surrogate_right": notes[0]["surrogate_right"] == 1, "surrogate_broken": broken}


def manners(answers: Answers) -> dict[str, Array]:
    """What the checkup noted."""
    notes = answers[CHECKUP].notes
    return {name: notes[name].astype(np.float32) for name in MANNERS}


def dissected(answers: Answers, layout: Layout, labels: Array) -> dict[str, Array]:
    """What becomes of images changed by one part of a perturbation alone, or low-passed after it."""
    trials = layout.columns.get(layout.dissected, ())
    rows = {"clean_filtered_right": answers[Query(layout.filter)].top1 == labels}
    if trials:
        asked = [layout.parts(trial) for trial in trials]
        top1 = {part: np.stack([answers[q[part]].top1 for q in asked], 1) for part in ("low", "high", "filtered")}
        rows |= {f"{side}_part_broken": top1[side] != labels[:, None] for side in ("low", "high")}
        rows["filtered_right"] = top1["filtered"] == labels[:, None]
        last = answers[trials[layout.sizes.index(layout.at)].query].notes
        rows["rise"] = last.get("rise", np.full(len(labels), np.nan)).astype(np.float32)
    if layout.through is not None:
        rows["through_right"] = answers[layout.through].top1 == labels
    return rows


def spectra(answers: Answers, layout: Layout) -> dict[str, Array]:
    """Of what waves perturbations are made: (n, sizes * rings), (n, sizes * radii), (n, sizes); NaN where nothing is changed.

    Energies are summed over channels; zero frequency is part of a perturbation's energy, not of the image's.
    """
    before = answers.signal(PIXELS).values
    head, image = _image_beyond(before, layout)
    rows = {"head_radius": head, "image_beyond": image}
    trials = layout.columns.get(layout.dissected, ())
    each = [_change(answers.signal(Query(trial.view, "pixels")).values - before, head, layout) for trial in trials]
    if each:
        rows |= {name: np.concatenate([one[name] for one in each], 1) for name in each[0]}
    return {name: column.astype(np.float32) for name, column in rows.items()}


def _image_beyond(pixels: torch.Tensor, layout: Layout) -> tuple[Array, Array]:
    """Head radius of each image (n,), and the share of its own energy beyond that and beyond the fixed radii (n, 1 + k)."""
    plane = energy_plane(luminance(pixels.double()))
    plane[:, 0, 0] = 0.0
    profile = profile_of_plane(plane, layout.size[1], "sum", False, "continuous")
    head = head_of_profile(profile, HEAD_SHARE).cpu().numpy()
    return head, _beyond(plane, head, layout)


def _change(moved: torch.Tensor, head: Array, layout: Layout) -> dict[str, Array]:
    """Of changes (n, c, h, w): energy by ring as a share of all, and shares beyond the head and the radii."""
    plane = energy_plane(moved.double()).sum(1)
    total = plane.sum((1, 2)).cpu().numpy()
    by_ring = profile_of_plane(plane, layout.size[1], "sum", True).values.cpu().numpy()
    with np.errstate(invalid="ignore"):
        return {"change_rings": by_ring / total[:, None], "change_beyond": _beyond(plane, head, layout)}


def _beyond(plane: torch.Tensor, head: Array, layout: Layout) -> Array:
    """(n, 1 + k) share of planes (n, h, w // 2 + 1) at D > the images' own head, and > each fixed radius."""
    distance = radius_map(*layout.size).to(plane.device)
    energy, total = plane.cpu().numpy(), plane.sum((1, 2)).cpu().numpy()
    places = distance.cpu().numpy()
    own = (energy * (places > head[:, None, None])).sum((1, 2))
    fixed = [energy[:, places > radius].sum(1) for radius in layout.radii_beyond]
    with np.errstate(invalid="ignore"):
        shares = np.stack([own, *fixed], 1) / total[:, None]
    return np.asarray(np.where(np.isnan(head)[:, None] & (np.arange(shares.shape[1]) == 0), np.nan, shares))


def ring_counts(size: tuple[int, int]) -> tuple[Array, Array]:
    """Mean radius of the frequencies on each whole ring, and how many there are of the full plane: both (rings,)."""
    on = rings(*size)
    distance = ring_sums(radius_map(*size) * half_plane_weights(size[1]), on)
    return (distance / on.counts).numpy(), on.counts.numpy()


def even_beyond(size: tuple[int, int], radii: Sequence[float]) -> list[float]:
    """Share of all frequencies at D > each radius: what a perturbation of white noise would have."""
    on = rings(*size, "continuous")
    counts, at = on.counts.numpy(), on.radii.numpy()
    return [float(counts[at > radius].sum() / counts.sum()) for radius in radii]
