"""Figures and plain words of the exam of images with one cue left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
CLASSES = {"own": "the model's own classes", "categories": "categories"}
SHOWN = ("grey", "edges", "patch_texture")  # in the gallery: drawn of any image
FEW = 30  # images: fewer are told as few


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Accuracy by variant, all figures, pictures."""
    gallery = _ready_gallery() if estimates.one("drawn", variant="ready") else _drawn_gallery()
    return [*_bars(estimates), *_table(estimates), gallery]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Ready stimuli, or one sentence on shape and one on texture."""
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
    found = [f for name in ("edges", "patch_texture", "grey", "silhouette") for f in _left(estimates, name, classes)]
    return found or [Finding("note", "Nothing could be drawn of images whose class is known.")]


def _left(estimates: Estimates, variant: str, classes: str) -> Iterator[Finding]:
    e = estimates.one("accuracy", variant=variant, classes=classes)
    plain = estimates.one("original_accuracy", variant=variant, classes=classes)
    if not (e and plain) or e.value is None:
        return
    few = f", of only {e.n} images that it could be drawn of" if e.n < FEW else ""
    sentence = f"As {_AS[variant]} {percent(e)} of images are answered rightly{few} (as they are: {percent(plain)})."
    yield Finding("note", sentence + _guess(estimates, e))


_AS = {
    "grey": "grey pictures",
    "edges": "line drawings",
    "silhouette": "silhouettes",
    "patch_texture": "nothing but a patch of themselves, repeated,",
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
            caption="Share of images answered rightly, of those that the variant could be drawn of.",
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
            caption="With 95 % intervals over images. Silhouettes and textures of objects need a near-white ground.",
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
