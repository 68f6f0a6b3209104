"""Figures and plain words of the consistency exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import called_out, guessed, judged
from eyechart.core.words import percent

LOW, HIGH = 0.95, 0.98  # verdicts: below is weak, above strong
FEW = 10  # images: curves leave out distances that fewer met
ENLARGED = 1.05  # beyond, the margin is not the picture's own
PREFIX = {"crop": "", "roll": "roll_"}
WHERE = {"crop": "windows of a real margin", "roll": "cyclic shifts"}
KINDS = {
    "crop": "Two windows of one picture",
    "roll": "Two cyclic shifts of one frame (no photograph moves so)",
}
ADVICE = "Anti-alias where it subsamples, average its answers over a few shifts, or train with small shifts."
CURVES = {
    "distance_change": "another answer",
    "distance_absolute_change": "confidence moves by",
    "distance_significant_change": "farther than pairs of different images that are alike",
    "distance_cosine_distance": "1 - cosine",
}
GROUPS = {"all": "all images", "correct": "images right on the clean view"}


def charts(estimates: Estimates, mode: str) -> Sequence[Chart]:
    """Consistency and change, what accuracy is left, and change against distance; or how far embeddings move."""
    if estimates.of(f"{PREFIX[mode]}cosine_distance"):
        return [_embedded(estimates, mode), *_distances(estimates, mode)]
    return [_main(estimates, mode), *_distances(estimates, mode), *_worst(estimates, mode)]


def findings(estimates: Estimates, mode: str) -> Iterator[Finding]:
    """The verdict on consistency, then what it may hide."""
    if estimates.of(f"{PREFIX[mode]}cosine_distance"):
        yield from [*_moved(estimates, mode), *_enlarged(estimates, mode)]
        return
    e = estimates.one(f"{PREFIX[mode]}consistency", given="all")
    if e is None or e.value is None:
        yield Finding("note", f"No image could be shown as two {WHERE[mode]}.")
        return
    doubts = [*_idle(estimates, mode)]
    yield _verdict(e, estimates, mode, bool(doubts))
    yield from doubts
    yield from _enlarged(estimates, mode)


def _moved(estimates: Estimates, mode: str) -> Iterator[Finding]:
    """The verdict on embeddings."""
    e, moved = (estimates.one(PREFIX[mode] + measure) for measure in ("significant_change", "embed_change"))
    if e is None or e.value is None or moved is None:
        yield Finding(
            "note", f"How far embeddings move cannot be told ({WHERE[mode]}): {e.reason if e else 'no pair'}."
        )
        return
    sentence = (
        f"{KINDS[mode]} have embeddings that lie {farther(estimates)} {percent(e)} of the time; on average they lie "
        f"{percent(moved)} of the way to another image apart; {e.n:,} images."
    )
    yield judged(sentence, e, 1 - LOW, 1 - HIGH, ADVICE)


def _verdict(e: Estimate, estimates: Estimates, mode: str, doubtful: bool) -> Finding:
    correct = estimates.one(f"{PREFIX[mode]}consistency", given="correct")
    own = f"; of images that it gets right, {percent(correct)}" if correct and correct.value is not None else ""
    sentence = f"{KINDS[mode]} get one answer {percent(e)} of the time{own}; {e.n:,} images.{_lost(estimates, mode)}"
    if e.high is not None and e.high < LOW:
        return Finding("weak", sentence, ADVICE)
    steady = e.low is not None and e.low > HIGH and not doubtful
    return Finding("strong" if steady else "note", sentence)


def _idle(estimates: Estimates, mode: str) -> Iterator[Finding]:
    """Whether it is consistent because it has little to say."""
    most = estimates.one(f"{PREFIX[mode]}commonest_answer_share")
    yield from called_out(most, f"on {WHERE[mode]} consistency then says little")
    yield from guessed(estimates.one("clean_accuracy"), "consistency then says little")


def _lost(estimates: Estimates, mode: str) -> str:
    """What is left where every window counts."""
    each, usual = estimates.of(f"{PREFIX[mode]}worst_accuracy"), estimates.one(f"{PREFIX[mode]}accuracy")
    if len(each) < 2 or usual is None or each[0].value is None:
        return ""
    return (
        f" It is right as the pictures are on {100 * each[0].value:.1f}%, on single ones of these {percent(usual)} of the "
        f"time, and on {percent(each[-1])} of the images as they are and on all {each[-1].at['windows']} of them."
    )


def _enlarged(estimates: Estimates, mode: str) -> Iterator[Finding]:
    e = estimates.one("enlarged")
    if mode == "crop" and e is not None and (e.value or 0.0) > ENLARGED:
        yield Finding(
            "note",
            f"These pictures have no margin of their own: they were enlarged {e.value:.2f} times on average to have one, which "
            "blurs them. A model may find that harder than the shift (see its accuracy here).",
        )


def _main(estimates: Estimates, mode: str) -> Table:
    prefix, rows = PREFIX[mode], []
    for given, name in GROUPS.items():
        found = [estimates.one(f"{prefix}{m}", given=given) for m in ("consistency", "mean_absolute_change")]
        if any(found):
            rows.append(
                [name, *((e.value, e.low, e.high) if e else None for e in found), found[0].n if found[0] else 0]
            )
    accuracy = estimates.one(f"{prefix}accuracy")
    right = f" On single ones of these it is right {percent(accuracy)} of the time." if accuracy else ""
    return Table(
        title=f"One answer for two {WHERE[mode]}",
        columns=["images", "pairs with one answer", "confidence moves by", "n"],
        rows=rows,
        formats=[None, "percent", "percent", "integer"],
        caption="Share of pairs with one top answer, and how far the probability of the first one's answer moves; with 95 % "
        f"intervals.{right}",
    )


def _embedded(estimates: Estimates, mode: str) -> Table:
    """How far the embeddings of two windows lie apart."""
    measures = {
        "significant_change": "significantly apart",
        "embed_change": "of the way to another image",
        "cosine_distance": "1 - cosine",
    }
    found = [estimates.one(PREFIX[mode] + measure) for measure in measures]
    told: list[object] = [(e.value, e.low, e.high) if e else None for e in found]
    return Table(
        title=f"One embedding for two {WHERE[mode]}",
        columns=["images", *measures.values(), "n"],
        rows=[["all images", *told, found[-1].n if found[-1] else 0]],
        formats=[None, "percent", "percent", "number", "integer"],
        caption=f"Significantly apart: share of pairs that lie {farther(estimates)}. Of the way to another image: "
        "mean distance of the two by that of different images. With 95 % intervals.",
    )


def _distances(estimates: Estimates, mode: str) -> Iterator[Lines]:
    """Change against how far the two lie apart."""
    curves = {name: [e for e in estimates.of(PREFIX[mode] + measure) if e.n >= FEW] for measure, name in CURVES.items()}
    curves = {name: found for name, found in curves.items() if found}
    found = next(iter(curves.values()), [])
    if len(found) < 2:
        return
    embedded = bool(estimates.of(f"{PREFIX[mode]}cosine_distance"))
    what = "the embedding moves" if embedded else "the answer differs, and how far its probability moves"
    yield Lines(
        title=f"Change against distance ({WHERE[mode]})",
        x_label="pixels apart",
        y_label="share of pairs, or cosine distance" if embedded else "share of pairs, or probability",
        x=[(e.at["from"] + e.at["to"]) / 2 for e in found],
        series=[Series(name, *ends(ones)) for name, ones in curves.items()],
        caption=f"How {'far' if embedded else 'often'} {what}, by how far apart the two lie. A curve that "
        "is high from the first pixels on points to the grid on which the model samples; one that rises slowly, to what comes "
        "into and leaves the window.",
    )


def _worst(estimates: Estimates, mode: str) -> Iterator[Lines]:
    found = estimates.of(f"{PREFIX[mode]}worst_accuracy")
    usual = estimates.one(f"{PREFIX[mode]}accuracy")
    if len(found) < 2:
        return
    series = Series("right on all of them", *ends(found))
    rules = [Rule(usual.value, "right on one")] if usual and usual.value is not None else []
    yield Lines(
        title=f"Accuracy when every one counts ({WHERE[mode]})",
        x_label="number of windows" if mode == "crop" else "number of shifts",
        y_label="right on all",
        x=[e.at["windows"] for e in found],
        series=[series],
        rules=rules,
        caption="Share of images right as they are and at each of their first so many random places: it can only fall.",
    )
