"""Does an observer go by shape or by texture? Counts and shares of answers to images whose two cues disagree.

Geirhos et al. (ICLR 2019, arXiv 1811.12231): of the answers that name one of the two cues, the share that names the shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from eyechart.stats.crossed import crossed_figure, crossed_ratios
from eyechart.stats.intervals import Interval, wilson

Array = np.ndarray[Any, Any]

FEW = 5  # cue decisions: a shape bias of fewer is not reliable (ours)


@dataclass(frozen=True)
class Decisions:
    """Answers to images, one an entry; an image that several observers answered stands there several times.

    Attributes:
        answers: (n,) category that was answered; anything that is no category (other, none, na) counts as another answer.
        shapes, textures: (n,) categories of the two cues.
        contents, styles: (n,) which object, and which texture sample, the image was made of (see ``stats.crossed``).

    Categories, contents and styles are numbers or strings. Raises ValueError if lengths differ.
    """

    answers: Array
    shapes: Array
    textures: Array
    contents: Array
    styles: Array

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.answers)

    def where(self, chosen: Array) -> Decisions:
        """Some of them: ``chosen`` (n,) bool."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def conflicting(self) -> Decisions:
        """Those whose cues differ: only these say which cue wins."""
        return self.where(np.asarray(self.shapes != self.textures))


@dataclass(frozen=True)
class CueCounts:
    """How many answers named the shape, the texture, and neither."""

    shape: int
    texture: int
    other: int

    @property
    def either(self) -> int:
        """Cue decisions: answers that named one of the two cues."""
        return self.shape + self.texture

    @property
    def n(self) -> int:
        """All answers."""
        return self.either + self.other

    @property
    def reliable(self) -> bool:
        """Whether there are cue decisions enough for a shape bias, five (ours)."""
        return self.either >= FEW


@dataclass(frozen=True)
class CueShares:
    """Shares of the answers, with intervals that resample contents and textures.

    Attributes:
        counts: what they are shares of.
        shape_bias: shape by shape or texture; undefined where neither was ever answered. Its n counts cue decisions.
        shape_bias_wilson: the same with Wilson's interval, as if images were independent: a lower bound of the uncertainty.
        either, shape, texture, other: by all answers.
    """

    counts: CueCounts
    shape_bias: Interval
    shape_bias_wilson: Interval
    either: Interval
    shape: Interval
    texture: Interval
    other: Interval


def cue_counts(decisions: Decisions) -> CueCounts:
    """Count the answers to images whose cues differ; the others are left out.

    >>> seen = np.array(["cat", "cat", "dog"])
    >>> cue_counts(Decisions(np.array(["cat", "dog", "na"]), seen, seen[[2, 2, 0]], seen, seen))
    CueCounts(shape=1, texture=1, other=1)
    """
    asked = decisions.conflicting
    shape, texture = int((asked.answers == asked.shapes).sum()), int((asked.answers == asked.textures).sum())
    return CueCounts(shape, texture, len(asked) - shape - texture)


def cue_shares(decisions: Decisions, *, seed: int = 0) -> CueShares:
    """All shares of the answers to images whose cues differ; the others are left out."""
    return cue_shares_each([decisions.answers], decisions, seed=seed)[0]


def cue_shares_each(answers: Sequence[Array], images: Decisions, *, seed: int = 0) -> list[CueShares]:
    """As ``cue_shares``, for several columns of answers to the same images at once; ``images.answers`` is not looked at."""
    several = [replace(images, answers=column).conflicting for column in answers]
    events, trials = [], []
    for asked in several:
        shape, texture = (np.asarray(asked.answers == cue) for cue in (asked.shapes, asked.textures))
        events += [shape, shape | texture, shape, texture, ~(shape | texture)]
        trials += [shape | texture, *[np.ones(len(asked), bool)] * 4]
    whole = images.conflicting
    columns = np.stack(events, axis=1), np.stack(trials, axis=1)
    found = crossed_ratios(*columns, whole.contents, whole.styles, share=True, seed=seed)
    counts = [cue_counts(asked) for asked in several]
    return [
        CueShares(one, found[5 * k], wilson(one.shape, one.either), *found[5 * k + 1 : 5 * k + 5])
        for k, one in enumerate(counts)
    ]


def named_by_chance(decisions: Decisions) -> tuple[float, float]:
    """Share of images on which the same answers, dealt to them at random, name the shape, and the texture, on average.

    A model that prefers the answers that are shapes more often than textures names shapes for that alone. NaN without images.

    >>> seen, always = np.array(["cat", "cat", "cat", "dog"]), np.array(["cat"] * 4)
    >>> named_by_chance(Decisions(always, seen, np.array(["dog", "dog", "dog", "cat"]), seen, seen))
    (0.75, 0.25)
    """
    asked = decisions.conflicting
    said, pairs = Counter(asked.answers.tolist()), len(asked) ** 2
    shape, texture = (
        sum(said[name] * n for name, n in Counter(cue.tolist()).items()) for cue in (asked.shapes, asked.textures)
    )
    return (shape / pairs, texture / pairs) if pairs else (float("nan"), float("nan"))


def bias_gap(first: Decisions, second: Decisions, *, seed: int = 0) -> Interval:
    """Shape bias of the first answers minus that of the second, to the same images; either may hold several of an image.

    Each resample of contents and textures is the same for both: two intervals that overlap say nothing of the difference.
    Its n is that of the images of which there are fewer answers. Undefined where either names no cue.
    """
    parts = [first.conflicting, second.conflicting]
    columns = np.zeros((sum(map(len, parts)), 4))
    for side, (asked, end) in enumerate(zip(parts, (len(parts[0]), len(columns)), strict=True)):
        rows = slice(end - len(asked), end)
        columns[rows, 2 * side] = asked.answers == asked.shapes
        columns[rows, 2 * side + 1] = (asked.answers == asked.shapes) | (asked.answers == asked.textures)

    def gap(sums: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray(sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3])

    factors = (np.concatenate([getattr(one, name) for one in parts]) for name in ("contents", "styles"))
    return replace(crossed_figure(gap, columns, *factors, seed=seed), n=min(map(len, parts)))
