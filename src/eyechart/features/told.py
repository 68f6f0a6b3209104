"""What is said of channels on cards and of layers above them, from what was measured, and the same figures as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eyechart.channels import Example
from eyechart.features.combined import Combined
from eyechart.features.examples import LISTS, Choice
from eyechart.features.layer_gallery import LayerGallery
from eyechart.features.maker import Target
from eyechart.report.features_page import Figure

Array = np.ndarray[Any, Any]
NEVER = "Dead: it says the same of every image, and no picture was found that changes it."
ASLEEP = "Dead: it says the same of every image, and says no more to the picture made for it, which is not shown."
UNMOVED = "No picture: while it was made, nothing changed what is said."
NOWHERE = "No image says anything of it."
WEAKER = "Its picture excites it no more than its best image does: do not trust it."
SILENT = "It says the same of every image here; only the picture excites it."

ALONE = "One image cannot tell whether it says the same of every image."
NO_PART = "It has a positive part in none of the answers."
BY_PART = {  # where images are chosen by the channel's part in their answers
    "answer without it": "mean change of the probability of the answer given to the images below, in points, once the channel "
    "says everywhere what it says on average; and for how many of them another class is then given.",
    "rank in the answer": "median place among all channels of the layer by |gradient x activation| for the images below, which "
    "were chosen by that very product: a small number says little here.",
}
WHERE = {"channel": "on average over places", "neuron": "at its middle place (of images: at any place)"}
LEGEND = (
    ("picture by best image", "how strongly the channel answers to its picture, {where}, as a multiple of the strongest "
     "answer to any image; from that answer to the picture's, where no image is answered to. Below 1 the picture misses "
     "what the channel answers to."),
    ("answer without it", "mean change of the probability of the answer given to its top images, in points, once the channel "
     "says everywhere what it says on average; and for how many of them another class is then given. Near 0: it fires there, "
     "but by itself it does not decide; others may say the same."),
    ("rank in the answer", "median place among all channels of the layer by |gradient x activation| for its top images, a "
     "first estimate of their part in the answer; 1 is the largest."),
    ("order of parts", "how its response to the images with their tiles shuffled follows its response to the images as they "
     "are (slope over all images): near 1 it needs no arrangement, as for texture, near 0 it does. Channels that see little "
     "are near 1 in any case."),
    ("phases", "likewise with the phases of the images' waves scrambled, which leaves the spectrum as it is. Beyond 1 it "
     "responds to the disorder itself."),
    ("in the middle", "share of its activation in the middle quarter of its top images, where photographs mostly have their "
     "object; 25 % is evenly spread."),
    ("on the object", "where images have masks (--masks): share of its activation on the objects of its top images, and, in "
     "brackets, the share of the frame that these cover."),
    ("detail", "mean frequency of its picture, as a share of the finest that its pixels can carry."),
    ("best class", "the class to whose images it says most; in brackets how much more than to others, from 0 to 1, on other "
     "images than the class is picked on."),
)  # fmt: skip


def legend(target: Target, choice: Choice) -> tuple[tuple[str, str], ...]:
    """Of the figures on the cards."""
    found = tuple((label, told.format(where=WHERE[target])) for label, told in LEGEND)
    return found if choice.rank == "activation" else tuple((label, BY_PART.get(label, told)) for label, told in found)


def introduction(choice: Choice) -> str:
    """What a card shows."""
    top = "excite it most" if choice.rank == "activation" else "have it as a large part of their answer"
    seen = (
        "what a unit of the layer sees of them"
        if choice.crop == "field"
        else "where in them a unit of the layer sees most"
    )
    return (
        "Each channel of a layer answers to something of its own, at every place of the picture. A card shows a picture made "
        f"to excite one channel as much as possible, and beside it the real images that {top}, with {seen} marked. A picture "
        "alone proves nothing: whether the channel has a part in the answer is measured, and stands under it."
    )


def figures(layer: LayerGallery, i: int, class_names: Sequence[str]) -> list[Figure]:
    """Of a card, in the order of the legend."""
    made, number, summed = layer.made, layer.channels[i], layer.known.summed
    found = []
    best, score = float(made["best"][i]), float(made["score"][i])
    if is_shown(layer, i) and np.isfinite(best):
        found.append(Figure("ratio", "picture by best image", *_multiple(score, best)))
    without, turned = made["without"][i], made["turned"][i]
    n = int(np.isfinite(without).sum())
    if n:
        mean = 100 * float(np.nanmean(without))
        found.append(
            Figure("decides", "answer without it", f"{mean:+.1f} points, {int(np.nansum(turned))} of {n}", -mean)
        )
    ranks = made["rank"][i][np.isfinite(made["rank"][i])]
    if len(ranks):  # none where no place of the layer has a part in the answers
        rank = float(np.median(ranks))
        found.append(Figure("weight", "rank in the answer", f"{rank:g} of {len(summed.mean)}", -rank))
    for twin, label in (("patches", "order of parts"), ("phases", "phases")):
        if twin in summed.twins and np.isfinite(layer.texture_ness[twin][0, number]):
            value, low, high = map(float, layer.texture_ness[twin][:, number])
            ends = f" ({low:z.2f} to {high:z.2f})" if np.isfinite(low) else ""
            found.append(Figure(twin, label, f"{value:z.2f}{ends}", value))
    centre = made["centre"][i]
    if np.isfinite(centre).any():
        value = float(np.nanmean(centre))
        found.append(Figure("centre", "in the middle", f"{100 * value:.0f} %", value))
    known = np.isfinite(made["on_object"][i])
    if known.any():
        value, covered = float(made["on_object"][i][known].mean()), float(made["object"][i][known].mean())
        found.append(
            Figure("object", "on the object", f"{100 * value:.0f} % (of {100 * covered:.0f} %)", value / covered)
        )
    if is_shown(layer, i) and np.isfinite(made["frequency"][i]):
        value = float(made["frequency"][i])
        found.append(Figure("detail", "detail", f"{value:.2f} of Nyquist", value))
    chosen = layer.known.selectivity
    if not isinstance(chosen, str) and chosen.best[number] >= 0 and np.isfinite(chosen.held_out[number]):
        value, best_class = float(chosen.held_out[number]), int(chosen.best[number])
        name = class_names[best_class] if best_class < len(class_names) else f"class {best_class}"
        found.append(Figure("selective", "best class", f"{name} ({value:.2f})", value))
    return found


def strip_names(choice: Choice) -> dict[str, str]:
    """What is said above each strip of images."""
    top = "that excite it most" if choice.rank == "activation" else "in which it has the largest part in the answer"
    seen = "what a unit sees" if choice.crop == "field" else "where a unit sees most"
    return {
        "top": f"Real images {top}; marked is {seen}, where that is less than all",
        "bottom": "Images that excite it least",
        "random": "Images at random, where it is strongest",
    }


def combined_figures(one: Combined) -> list[Figure]:
    """Of a card of channels together."""
    if one.still or not _said(one):
        return []
    best = one.examples[0].value
    return [Figure("", "picture by best image", *_multiple(one.score, best))]


def combined_remark(one: Combined) -> str:
    """As ``remark``."""
    if one.still:
        return UNMOVED if _said(one) else f"{UNMOVED} {NOWHERE}"
    if not _said(one):
        return f"{NOWHERE} {'Its picture does.' if one.score > 0 else 'Nor does its picture: do not trust it.'}"
    return WEAKER if one.examples and one.examples[0].value >= one.score else ""


def combined_strip(one: Combined) -> str:
    """What is said above its images; empty where none says anything of it."""
    seen = "marked is what is seen where it gives most, if that is less than all"
    return f"Real images that excite it most; {seen}" if _said(one) else ""


def _said(one: Combined) -> bool:
    """Whether some image says anything of it: a direction may lie where no activation does, such as below zero after a ReLU."""
    return bool(one.examples) and one.examples[0].value > 0


def _multiple(score: float, best: float) -> tuple[str, float | None]:
    """In words and as a number; a multiple of nothing tells nothing."""
    return (f"{score / best:.2f} ×", score / best) if best > 0 else (f"{best:.2g} to {score:.2g}", None)


def sentences(layer: LayerGallery) -> list[str]:
    """What is to be known of a layer before its cards."""
    summed, made = layer.known.summed, layer.made
    dead = int(summed.dead.sum())
    made_for = f"pictures were made for {len(layer.channels)}" if layer.channels else "none has a picture of its own"
    found = [f"{len(summed.mean)} channels, measured on {summed.n:,} images; {made_for}."]
    if dead:
        found.append(f"{dead} of its channels {'is' if dead == 1 else 'are'} dead: the same for every image.")
    live = [i for i, c in enumerate(layer.channels) if not summed.dead[c] and np.isfinite(made["best"][i])]
    if live:
        above = sum(not made["still"][i] and not _weaker(made, i) for i in live)
        found.append(f"For {above} of {len(live)} live channels the picture excites them more than any image does.")
    if not layer.channels:
        return found
    if layer.undecided:
        found.append(
            f"Whether its channels decide was not measured: {layer.undecided[:1].lower()}{layer.undecided[1:].rstrip('.')}."
        )
    else:
        sizes = [
            np.abs(row[np.isfinite(row)]) for row in made["without"]
        ]  # ups and downs are both a part in the answer
        change = [float(row.mean()) for row in sizes if len(row)]
        if change:
            few = f"for {sum(x < 0.01 for x in change)} of {len(change)}"
            whose, warned = "its own top images", " That a channel fires is no proof that it decides."
            if layer.choice.rank == "relevance":
                whose, warned = "the images in which it has the largest part", ""
            told = f"Taking one away changes the probability of the answer to {whose} by less than a point, on average, {few}."
            found.append(told + warned)
    return found


def table(layer: LayerGallery) -> dict[str, Any]:
    """The figures of a layer's channels as plain data, null where there is none."""
    rows = []
    for i, number in enumerate(layer.channels):
        row: dict[str, Any] = {"channel": number, "dead": bool(layer.known.summed.dead[number])}
        row |= {
            name: _plain(layer.made[name][i])
            for name in ("still", "first", "last", "score", "most", "best", "frequency")
        }
        for name in ("without", "turned", "share", "rank", "centre", "on_object", "object"):
            held = layer.made[name][i]
            middle = np.nanmedian if name == "rank" else np.nanmean  # as on the cards
            row[name] = _plain(middle(held)) if np.isfinite(held).any() else None
        for twin in layer.known.summed.twins:
            row[f"texture_ness_{twin}"] = _plain(layer.texture_ness[twin][0, number])
        row["top"] = _top(layer.made, i)
        rows.append(row)
    together = [
        {"name": one.name, "still": one.still, "score": _plain(one.score), "top": _listed(one.examples)}
        for one in layer.combined
    ]
    told = {"layer": layer.layer, "n": layer.known.summed.n, "channels": len(layer.known.summed.mean), "rows": rows}
    return {**told, "combined": together}


def _top(made: Mapping[str, Array], i: int) -> list[dict[str, Any]]:
    columns = [made[name][i, : LISTS["top"]].tolist() for name in ("ids", "values", "places")]
    return _listed([Example(name, value, tuple(place)) for name, value, place in zip(*columns, strict=True) if name])


def _listed(examples: Sequence[Example]) -> list[dict[str, Any]]:
    return [{"id": e.id, "value": e.value, "place": list(e.place)} for e in examples]


def is_shown(layer: LayerGallery, i: int) -> bool:
    """Whether there is a picture: none of a channel that is dead for images and pictures alike, which would be noise."""
    return not layer.made["still"][i] and not (layer.known.summed.dead[layer.channels[i]] and _weaker(layer.made, i))


def remark(layer: LayerGallery, i: int) -> str:
    """What is said in place of a picture, or beside it."""
    dead, weaker = layer.known.summed.dead[layer.channels[i]], _weaker(layer.made, i)
    if layer.known.summed.n == 1:
        return ALONE
    if layer.made["still"][i]:
        return NEVER if dead else UNMOVED
    if dead:
        return ASLEEP if weaker else SILENT
    unused = layer.choice.rank == "relevance" and not (layer.made["ids"][i, : LISTS["top"]] != "").any()
    return " ".join(filter(None, (WEAKER if weaker else "", NO_PART if unused else "")))


def _weaker(made: Mapping[str, Array], i: int) -> bool:
    return bool(made["best"][i] >= made["score"][i])


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if np.isfinite(value) else None
