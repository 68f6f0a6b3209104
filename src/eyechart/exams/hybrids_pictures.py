"""Figures and plain words of the hybrids exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Finding, Gallery, Lines, Mark, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.hybrids_layout import METHODS, Method, pictured

EVEN = 0.5
FINE = 0.5  # of n/2: a crossover beyond is one that the finest half of all radii decides
DECIDED = 0.5  # of the answers: where fewer name either image, the bias says little
HEADINGS = {"bands": "Coarse detail of A, fine detail of B", "phase": "Phase of A, amplitude of B"}
OBJECTS = {"disc": "the middle", "box": "the middle", "silhouette": "the object"}  # by setting shape: what A gives


def charts(estimates: Estimates, thing: str) -> Sequence[Chart]:
    """Bias by radius, who is named by radius, the table of all conflicts, examples; ``thing``: of ``OBJECTS``."""
    if not _counts(estimates):  # findings say why
        return []
    shown = [method for method in METHODS if _defined(estimates, "either_cue", method)]
    galleries = [_gallery(estimates, method, thing) for method in shown]
    return [*_curves(estimates), _table(estimates, thing), *galleries]


def findings(estimates: Estimates, thing: str) -> Sequence[Finding]:
    """By bands, by phase, by object; then what is left of the pairs."""
    if not _counts(estimates):
        return [_no_pair(estimates)]
    found = [*_bands(estimates), *_phase(estimates), *_object(estimates, thing)]
    reasons = dict.fromkeys(e.reason for e in estimates.of("bias"))
    return found or [Finding("note", f"Which of two images it follows cannot be told: {'; '.join(reasons)}.")]


def _counts(estimates: Estimates) -> bool:
    """Whether there is a pair that counts."""
    kept = estimates.one("pairs_kept")
    return bool(kept and kept.value)


def _defined(estimates: Estimates, measure: str, method: Method) -> bool:
    return any(e.value is not None for e in estimates.of(measure, method=method))


def _no_pair(estimates: Estimates) -> Finding:
    """Why there is nothing to see."""
    kept = estimates.one("pairs_kept")
    if kept and kept.n:
        reason = f"of {kept.n:,} images none is in a pair of two classes of which it gets both images right alone"
        advice = "See whether its classes fit the images (the exam clean), or give more images."
    else:
        reason, advice = "there is no pair of images of two classes", "Give images of two classes or more, with labels."
    return Finding("note", f"Which of two images it follows cannot be told: {reason}.", advice)


def _bands(estimates: Estimates) -> Iterator[Finding]:
    e, share = (estimates.one(m, given="correct") for m in ("crossover_radius", "crossover_radius_nyquist"))
    if e is None or share is None:
        return
    if e.value is None or share.value is None:
        if any(one.value is not None for one in estimates.of("bias", method="bands")):
            yield Finding(
                "note", f"Coarse detail of one image and fine detail of another do not change places: {e.reason}."
            )
        return
    if e.low is None:
        told = f"From which radius on the coarse detail of one image wins over the fine of another cannot be told from {e.n:,} "
        yield Finding("note", f"{told}{'pair' if e.n == 1 else 'pairs'}.")
        return
    sentence = (
        f"Shown coarse detail of one image and fine detail of another, it goes by the coarse from {_waves(e)} waves across the "
        f"image on, {share.value:.0%} of the finest that the frame can hold; {e.n:,} pairs."
    )
    if share.low is not None and share.low > FINE:
        advice = "It goes by fine detail, which blur and resizing take away: train with blurred or low-passed copies."
        yield Finding("weak", sentence, advice)
    else:
        yield Finding("note", sentence)


def _waves(e: Estimate) -> str:
    ends = "" if e.low is None or e.high is None else f" (95% interval {e.low:.1f} to {e.high:.1f})"
    return f"{e.value:.1f}{ends}"


def _phase(estimates: Estimates) -> Iterator[Finding]:
    found = [e for e in estimates.of("bias", method="phase") if e.value is not None]
    if not found:
        return
    e = max(found, key=lambda one: float(one.at["mix"]))
    sentence = (
        f"Of its answers that name either image, {percent(e)} go with the phase (edges, outlines), the rest with the amplitude "
        f"(contrast at each fineness), mixed in to {e.at['mix']:.0%}.{_undecided(estimates, e)}"
    )
    advice = (
        "It goes by the statistics of texture: train with amplitudes mixed between images, the label being the phase's."
    )
    yield _verdict(e, estimates, sentence, advice)


def _object(estimates: Estimates, thing: str) -> Iterator[Finding]:
    e = estimates.one("bias", method="object")
    if e is None or e.value is None:
        return
    sentence = (
        f"With {thing} of one image on shuffled parts of another, {percent(e)} of its answers that name either name "
        f"{thing}.{_undecided(estimates, e)}"
    )
    yield _verdict(e, estimates, sentence, "It answers by what is around the object: train with other backgrounds.")


def _verdict(e: Estimate, estimates: Estimates, sentence: str, advice: str) -> Finding:
    """Weak where most answers surely follow B, and many enough name either."""
    either = _same_place(estimates, "either_cue", e)
    weak = e.high is not None and e.high < EVEN and either is not None and (either.low or 0.0) > DECIDED
    return Finding("weak", sentence, advice) if weak else Finding("note", sentence)


def _undecided(estimates: Estimates, e: Estimate) -> str:
    either = _same_place(estimates, "either_cue", e)
    return "" if either is None or either.value is None else f" {percent(either)} of all answers name either."


def _same_place(estimates: Estimates, measure: str, e: Estimate) -> Estimate | None:
    return next((one for one in estimates.of(measure) if one.at == e.at), None)


def _curves(estimates: Estimates) -> Iterator[Lines]:
    bias = estimates.of("bias", method="bands")
    if not _defined(estimates, "either_cue", "bands"):
        return
    radii = [float(e.at["radius"]) for e in bias]
    cross = estimates.one("crossover_radius")
    marks = [Mark(cross.value, f"r = {cross.value:.1f}")] if cross is not None and cross.value is not None else []
    if _defined(estimates, "bias", "bands"):
        yield Lines(
            title="Towards the coarse image or the fine one",
            x_label="radius r (waves across the image)",
            y_label="bias towards A",
            x=radii,
            series=[_series("bias towards the coarse image", bias)],
            rules=[Rule(EVEN, "as often B")],
            marks=marks,
            y_range=(0, 1),
            caption="A gives everything up to r waves across the image, B all that is finer. Of the answers that name either, "
            "the share that names A; with 95 % intervals. The farther left it rises, the coarser the detail that the model "
            f"goes by. {_pairs(estimates)}",
        )
    curves = {"A, the coarse image": "answer_a", "B, the fine image": "answer_b", "either": "either_cue"}
    yield Lines(
        title="Which image is named",
        x_label="radius r (waves across the image)",
        y_label="share of answers",
        x=radii,
        series=[_series(name, estimates.of(measure, method="bands")) for name, measure in curves.items()],
        marks=marks,
        y_range=(0, 1),
        caption="How often the answer is the class of A, of B, or one of the two. Where neither is named, the mixture looks "
        "like something else to the model, and the bias rests on few answers. Upright: where A and B are named equally often.",
    )


def _series(name: str, found: Sequence[Estimate]) -> Series:
    return Series(name, [e.value for e in found], [e.low for e in found], [e.high for e in found])


def _pairs(estimates: Estimates) -> str:
    kept = estimates.one("pairs_kept")
    if kept is None or kept.value is None:
        return "There is no pair of two classes."
    return f"It gets both images right alone in {percent(kept)} of the pairs, and only these count."


def _table(estimates: Estimates, thing: str) -> Table:
    rows = []
    for e in estimates.of("bias"):
        at = {k: v for k, v in e.at.items() if k != "given"}
        others = [_same_place(estimates, m, e) for m in ("either_cue", "answer_a", "answer_b")]
        out = estimates.one("clipped_out", **at)
        bias, *cells = [(one.value, one.low, one.high) if one else None for one in (e, *others)]
        n = others[0].n if others[0] else 0
        rows.append([_conflict(at, thing), n, bias, e.n, *cells, out.value if out else None])
    return Table(
        title="All mixtures",
        columns=["mixture", "n", "bias to A", "of n", "names either", "names A", "names B", "left out"],
        rows=rows,
        formats=[None, "integer", "percent", "integer", "percent", "percent", "percent", "percent"],
        caption="n: images A with a pair that counts. Bias: of the answers that name either, the share that names A; beside "
        "it, how many images A have such answers. Left out: mixtures of which too many values were beyond a picture's range. "
        f"{_pairs(estimates)}",
    )


def _conflict(at: dict[str, object], thing: str) -> str:
    if "radius" in at:
        return f"coarse up to r = {at['radius']:g}"
    return f"phase against amplitude, mix {at['mix']:g}" if "mix" in at else f"{thing} on shuffled parts around it"


def _gallery(estimates: Estimates, method: Method, thing: str) -> Gallery:
    places = [e.at for e in estimates.of("bias", method=method)]
    shown = pictured(method, len(places))
    heads = [
        (name, f"A up to r = {places[i]['radius']:g}" if method == "bands" else "A and B") for name, i in shown.items()
    ]
    return Gallery(
        title=HEADINGS.get(method, f"{thing.capitalize()} of A on shuffled parts of B"),
        key=f"hybrids/{method}/",
        pictures=[("a", "A"), ("b", "B"), *heads],
        lines=["{a}", "{b}", *(f"{{{name}_says}}" for name in shown)],
        caption="Pairs as they come, of those that count: it gets A and B right alone. Below each mixture, what it answers, "
        "and whose class that is.",
    )
