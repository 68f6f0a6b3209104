"""Figures and plain words of the exam of images with one cue left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.by_category import CLASSES, explained
from eyechart.core.chart import Bars, Chart, Finding, Gallery, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

TITLES = {
    "original": "as they are",
    "grey": "grey",
    "edges": "edges",
    "silhouette": "silhouette",
    "object_texture": "texture of the object",
    "patch_texture": "texture of a patch",
    "ready": "ready stimuli",
}
SHOWN = ("grey", "edges", "patch_texture")  # in the gallery: drawn of any image
FEW = 30  # images: of fewer nothing is said


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Accuracy by variant, all figures, pictures."""
    gallery = _ready_gallery() if estimates.one("drawn", variant="ready") else _drawn_gallery()
    return [*_bars(estimates), *_table(estimates), gallery]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Ready stimuli, or what is left of accuracy, cue by cue."""
    classes = "own" if estimates.of("chance", classes="own") else "categories"
    ready = estimates.one("accuracy", variant="ready", classes="categories")
    ready = ready or estimates.one("accuracy", variant="ready", classes="own")
    if ready and ready.value is not None:
        return [
            Finding(
                "note",
                f"Of these stimuli {percent(ready)} get the right answer (n = {ready.n}).{_guess(estimates, ready)}",
            )
        ]
    left = [e for name in _AS for e in estimates.of("accuracy", variant=name, classes=classes)]
    told = [e for e in left if e.value is not None and e.n >= FEW]
    plain = estimates.one("accuracy", variant="original", classes=classes)
    if not told or plain is None:
        return [
            Finding(
                "note",
                f"Too little to judge by: fewer than {FEW} images have a known class and could be drawn in any variant.",
            )
        ]
    shares = ", ".join(f"{_AS[e.at['variant']]} {percent(e)}" for e in told)
    lowest = min(told, key=lambda e: e.value or 0.0)
    sentence = f"Of the images {percent(plain)} are answered rightly as they are; {shares}.{_guess(estimates, lowest)}"
    return [Finding("note", sentence)]


_AS = {
    "edges": "as line drawings",
    "patch_texture": "as nothing but a patch of themselves",
    "grey": "as grey pictures",
    "silhouette": "as silhouettes, of those with a mask or a white ground,",
}


def _guess(estimates: Estimates, e: Estimate) -> str:
    chance = estimates.one("chance", classes=e.at["classes"])
    if chance is None or chance.value is None or e.low is None or e.low > chance.value:
        return ""
    return f" Guessing would give {100 * chance.value:.1f}%."


def _bars(estimates: Estimates) -> Iterator[Bars]:
    names = [e.at["variant"] for e in estimates.of("drawn")]
    series, rules = [], []
    for classes, title in CLASSES.items():
        found = [estimates.one("accuracy", variant=name, classes=classes) for name in names]
        if not all(found):
            continue
        there = [e for e in found if e]
        series.append(Series(title, [e.value for e in there], [e.low for e in there], [e.high for e in there]))
        chance = estimates.one("chance", classes=classes)
        if chance and chance.value:
            rules.append(Rule(chance.value, "chance" if classes == "own" else "chance, categories"))
    if series:
        yield Bars(
            title="Right with one cue left",
            x_label="share of images",
            categories=[TITLES[name] for name in names],
            series=series,
            rules=rules,
            x_range=(0.0, 1.0),
            caption=explained(
                "Share of images answered rightly, of those that the variant could be drawn of.", estimates
            ),
        )


def _table(estimates: Estimates) -> Iterator[Table]:
    rows = []
    for e in estimates.of("accuracy"):
        plain, relative = (estimates.one(m, **e.at) for m in ("original_accuracy", "relative_accuracy"))
        cells = [(x.value, x.low, x.high) if x else None for x in (e, plain, relative)]
        rows.append([TITLES[e.at["variant"]], CLASSES[e.at["classes"]], *cells, e.n])
    if rows:
        yield Table(
            title="Accuracy with one cue left",
            columns=["shown", "answers by", "right", "the same images as they are", "ratio", "n"],
            rows=rows,
            formats=[None, None, "percent", "percent", "number", "integer"],
            caption="With 95 % intervals over images. Silhouettes and textures of objects need masks (--masks) or a near-white "
            "ground.",
        )


def _drawn_gallery() -> Gallery:
    return Gallery(
        "What is left of them",
        "variants/drawn",
        [("original", "as it is"), *((name, TITLES[name]) for name in SHOWN)],
        [f"{{{name}}} {{p_{name}:.0%}}" for name in ("original", *SHOWN)],
        "The images that are right as they are with most confidence, and the answers to what is left of them.",
    )


def _ready_gallery() -> Gallery:
    return Gallery(
        "The surest mistakes",
        "variants/ready",
        [("ready", "as shown")],
        ["{truth}, taken for {answer} (top class: {top})"],
        "Stimuli taken for another category, by the confidence of the top class.",
    )
