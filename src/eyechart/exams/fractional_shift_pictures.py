"""Figures and plain words of the exam of fractional shifts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Heatmap, Panels, Series, Table
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.embeddings import farther
from eyechart.core.estimate import Estimates, ends
from eyechart.core.findings import called_out, guessed, idle, judged
from eyechart.core.words import percent, points

MUCH, LITTLE = 0.05, 0.02  # verdicts: share of changed answers
ENLARGED = 1.05  # beyond, the margin is not the picture's own
RINGING = 0.02  # share of values out of range that is worth a word
CHANGES = {  # by whether the model embeds: measure, title, words
    False: (
        "set_p_top1_change",
        "Answers that fractional shifts change",
        "the top answer differs from that of the unshifted picture",
    ),
    True: (
        "set_significant_change",
        "Embeddings that fractional shifts move like another image's",
        "the embedding moves farther than the most alike pairs of different images are apart",
    ),
}
MAPPED = {
    "mean_absolute_change": "change of the probability of the unshifted picture's answer",
    "embed_change": "distance from the unshifted picture's embedding, as a share of that between different images",
}
NAMES = {"fourier": "cyclic, by phases", "bicubic": "between pixels of a real margin"}


def charts(estimates: Estimates, methods: Sequence[str], sets: Sequence[str], unit: int) -> Sequence[Chart]:
    """What is right under all shifts of a set, how often the answer changes, the map of the finest grid."""
    found: list[Chart] = []
    if _embeds(estimates):
        maps = (
            [_map(estimates, methods, unit)] if any(e.value is not None for e in estimates.of("embed_change")) else []
        )
        return [_changes(estimates, methods, sets), *maps, _table(estimates, methods, sets)]
    if estimates.of("worst_accuracy"):
        found += [_accuracy(estimates, method, sets) for method in methods]
    return [
        *found,
        _changes(estimates, methods, sets),
        _map(estimates, methods, unit),
        _table(estimates, methods, sets),
    ]


def findings(estimates: Estimates, methods: Sequence[str]) -> Sequence[Finding]:
    """Per method: change, and what it costs; then the ringing."""
    if _embeds(estimates):
        return [*(f for method in methods for f in _moved(estimates, method)), *_rings(estimates)]
    found = [f for method in methods for f in _change(estimates, method)]
    weak = any(finding.verdict == "weak" for finding in found)
    found += called_out(estimates.one("commonest_answer_share"), "little can change")
    if not weak:
        found += guessed(estimates.one("clean_accuracy"), "that it is stable says little")
    return [*found, *_rings(estimates)]


def _change(estimates: Estimates, method: str) -> Iterator[Finding]:
    e = estimates.one("set_p_top1_change", method=method, set="all", given="all")
    ever = estimates.one("any_change", method=method, set="all")
    if e is None or ever is None or e.value is None:
        return
    sentence = (
        f"Moved by less than one pixel ({NAMES[method]}), its answer differs {percent(e)} of the time, and on {percent(ever)} "
        f"of the images at least once; {e.n:,} images.{_more(estimates, method)}"
    )
    advice = (
        "Anti-alias where it subsamples, average its answers over small shifts, or train with random resized crops."
    )
    due = not idle(estimates.one("commonest_answer_share"), estimates.one("clean_accuracy"))
    yield judged(sentence, e, MUCH, LITTLE, advice, praise=due)


def _embeds(estimates: Estimates) -> bool:
    return bool(estimates.of("any_significant_change"))


def _moved(estimates: Estimates, method: str) -> Iterator[Finding]:
    """The verdict on embeddings."""
    e = estimates.one("set_significant_change", method=method, set="all")
    ever = estimates.one("any_significant_change", method=method, set="all")
    if e is None or ever is None or e.value is None:
        missing = estimates.one("any_significant_change", method=method)
        why = missing.reason if missing and missing.reason else "no image counts here"
        yield Finding("note", f"How far embeddings move cannot be told ({NAMES[method]}): {why}.")
        return
    sentence = (
        f"Moved by less than one pixel ({NAMES[method]}), its embedding moves {farther(estimates, method=method)} {percent(e)} "
        f"of the time, and on {percent(ever)} of the images at least once; {e.n:,} images.{_more(estimates, method)}"
    )
    yield judged(
        sentence, e, MUCH, LITTLE, "Anti-alias where it subsamples, or average its embeddings over small shifts."
    )


def _more(estimates: Estimates, method: str) -> str:
    """What is lost where all count, and whether the margin is the picture's own."""
    drop = estimates.one("accuracy_drop", method=method, set="all")
    worst, enlarged = (
        estimates.one("worst_accuracy", method=method, set="all"),
        estimates.one("enlarged", method=method),
    )
    told = ""
    if drop is not None and worst is not None and drop.value:
        told = f" Right under every one of these shifts it is on {percent(worst)}: {points(drop)} less than unshifted."
    if enlarged is not None and (enlarged.value or 0.0) > ENLARGED:
        told += f" The pictures were enlarged {enlarged.value:.2f} times to have a margin, which blurs them."
    return told


def _rings(estimates: Estimates) -> Iterator[Finding]:
    e = estimates.one("outside", set="all")
    if e is not None and (e.value or 0.0) > RINGING:
        yield Finding(
            "note",
            f"Shifting by phases rings: {percent(e)} of the values leave the range of pixels. "
            "fractional_shift.clip=true cuts them off.",
        )


def _accuracy(estimates: Estimates, method: str, sets: Sequence[str]) -> Bars:
    series = [
        Series(name, *ends([estimates.one(measure, method=method, set=one) for one in sets]))
        for name, measure in (("right on average", "mean_accuracy"), ("right under all", "worst_accuracy"))
    ]
    return Bars(
        title=f"Right under a set of shifts ({NAMES[method]})",
        x_label="share of images",
        categories=[_words(one) for one in sets],
        series=series,
        x_range=(0.0, 1.0),
        caption="Each set holds the unshifted picture. Right under all: not one of the shifts in it makes an error.",
    )


def _changes(estimates: Estimates, methods: Sequence[str], sets: Sequence[str]) -> Bars:
    measure, title, what = CHANGES[_embeds(estimates)]
    at = {} if _embeds(estimates) else {"given": "all"}
    shown = [one for one in sets if one != "identity"]
    series = [
        Series(NAMES[m], *ends([estimates.one(measure, method=m, set=one, **at) for one in shown])) for m in methods
    ]
    return Bars(
        title=title,
        x_label="share of shifts",
        categories=[_words(one) for one in shown],
        series=series,
        caption=f"How often {what}, on average over the shifts of a set.",
    )


def _map(estimates: Estimates, methods: Sequence[str], unit: int) -> Panels:
    """Mean change of confidence, or distance of embeddings, over the finest grid."""
    measure, label = ("embed_change", "of the way") if _embeds(estimates) else ("mean_absolute_change", "probability")
    steps = [round(k / unit, 4) for k in range(unit)]
    panels = []
    for method in methods:
        found = [e for e in estimates.of(measure, method=method) if "down" in e.at]
        cells = {(e.at["down"], e.at["right"]): e.value or 0.0 for e in found}
        if not cells:
            continue
        z = plain_numbers([[cells[down, right] for right in steps] for down in steps])
        panels.append(
            Heatmap(
                NAMES[method].capitalize(),
                "pixels right",
                "pixels down",
                label,
                steps,
                steps,
                z,
                format="percent",
            )
        )
    top = max(v for panel in panels for row in panel.z for v in row)  # type: ignore[type-var]
    return Panels(
        f"How far each fractional shift moves the {'embedding' if _embeds(estimates) else 'confidence'}",
        panels,
        f"Mean {MAPPED[measure]}, for shifts by multiples of 1/{unit} pixel. The lower left corner is no shift.",
        (0.0, top or 1.0),
    )


def _table(estimates: Estimates, methods: Sequence[str], sets: Sequence[str]) -> Table:
    rows, correct = [], {"given": "correct"}
    ever = [("any_change", {}), ("set_p_top1_change", correct)]
    if _embeds(estimates):
        ever = [("any_significant_change", {}), ("set_significant_change", {})]
    for method in methods:
        for one in sets:
            if one != "identity":
                cells = [
                    estimates.one(measure, method=method, set=one, **at)
                    for measure, at in (*ever, ("outside", {}), ("outside_most", {}))
                ]
                rows.append([NAMES[method], _words(one), *((e.value, e.low, e.high) if e else None for e in cells)])
    return Table(
        title="More of the same shifts",
        columns=[
            "how",
            "shifts",
            *(
                ("moves like another image, ever", "on average")
                if _embeds(estimates)
                else ("answer ever changes", "changes where right unshifted")
            ),
            "values out of range",
            "farthest out",
        ],
        rows=rows,
        formats=[None, None, "percent", "percent", "percent", "number"],
        caption="With 95 % intervals. Out of range: what ringing carries below black or above white (a range of 1); none "
        "between pixels, which are rounded to 8 bits.",
    )


def _words(name: str) -> str:
    return {"identity": "unshifted", "1/2": "halves", "1/3": "thirds", "1/4": "quarters", "all": "all of them"}.get(
        name, name
    )
