"""Figures of the exam of corruptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Dots, Format, Gallery, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.exams.corruptions_cases import EXAMPLE, MILD
from eyechart.exams.corruptions_cells import EXTRAS, FAMILIES, FAMILY, titled
from eyechart.images.corrupted import Name


def charts(estimates: Estimates, names: Sequence[Name], severity: int) -> Sequence[Chart]:
    """Errors by corruption, by severity, by family; beside the spectrum; an example, and the surest mistakes."""
    found: list[Chart] = [
        *_by_corruption(estimates),
        *_by_family(estimates),
        *_by_severity(estimates),
        *_kept(estimates),
    ]
    found += [*_by_frequency(estimates), *_bands(estimates), *_table(estimates)]
    if estimates.of("agreement"):  # pictures are drawn of clean images alone
        found += [*_examples(names, severity), _mild(estimates)]
    return found


def _rules(estimates: Estimates) -> list[Rule]:
    clean = estimates.one("clean_error")
    return [Rule(clean.value, "as they are")] if clean and clean.value is not None else []


def _shown(estimates: Estimates) -> list[Estimate]:
    """Errors by corruption, family by family, extras last."""
    found = [e for e in estimates.of("corruption_error", given="all") if e.value is not None]
    return sorted(found, key=lambda e: (e.at["corruption"] in EXTRAS, FAMILIES.index(FAMILY[e.at["corruption"]])))


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    return Series(name, *ends(found))


def _by_corruption(estimates: Estimates) -> Iterator[Bars]:
    found = _shown(estimates)
    if found:
        yield Bars(
            title="Error by corruption",
            x_label="share of images answered wrongly",
            categories=[titled(e.at["corruption"]) for e in found],
            series=[_series("mean over severities", found)],
            rules=_rules(estimates),
            x_range=(0.0, 1.0),
            caption="Mean over the severities, for noise, blur, weather and digital change in turn. The line: the images as "
            "they are. Lower is better.",
        )


def _by_family(estimates: Estimates) -> Iterator[Bars]:
    found = [e for e in estimates.of("family_error", given="all") if e.value is not None]
    right = [estimates.one("family_error", given="correct", family=e.at["family"]) for e in found]
    if len(found) < 2:
        return
    series = [_series("all images", found)]
    if all(e and e.value is not None for e in right):
        series.append(_series("right as they are", right))
    yield Bars(
        title="Error by family",
        x_label="share of images answered wrongly",
        categories=[e.at["family"] for e in found],
        series=series,
        rules=_rules(estimates),
        x_range=(0.0, 1.0),
        caption="Plain means over the corruptions of a family and their severities. Of images right as they are, every error "
        "is the corruption's doing.",
    )


def _by_severity(estimates: Estimates) -> Iterator[Lines]:
    """A figure for each family."""
    clean, errors = estimates.one("clean_error"), [e for e in estimates.of("error") if e.value is not None]
    severities = sorted({int(e.at["severity"]) for e in errors})
    start = [clean] if clean and clean.value is not None else []
    places = [*([0] if start else []), *severities]
    for family in FAMILIES:
        series = []
        for e in _shown(estimates):
            if FAMILY[e.at["corruption"]] == family:
                own = [estimates.one("error", corruption=e.at["corruption"], severity=s) for s in severities]
                series.append(_series(titled(e.at["corruption"]), [*start, *own]))
        if series and len(places) > 1:
            yield Lines(
                title=f"Error by severity: {family}",
                x_label="severity",
                y_label="share of images answered wrongly",
                x=places,
                series=series,
                y_range=(0.0, 1.0),
                caption="Severity 0: the images as they are." if start else "Severities as published.",
            )


def _kept(estimates: Estimates) -> Iterator[Bars]:
    """Of images without labels: whether answers stay."""
    if estimates.of("error"):
        return
    found = estimates.of("agreement")
    names = list(dict.fromkeys(e.at["corruption"] for e in found))
    severities = list(dict.fromkeys(e.at["severity"] for e in found))
    yield Bars(
        title="Answers kept",
        x_label="share of images",
        categories=[titled(name) for name in names],
        series=[
            _series(f"severity {s}", [estimates.one("agreement", corruption=n, severity=s) for n in names])
            for s in severities
        ],
        x_range=(0.0, 1.0),
        caption="Share of images whose answer is the same as to the image as it is; they have no labels.",
    )


def _by_frequency(estimates: Estimates) -> Iterator[Dots]:
    """One mark a corruption, so that several models can be laid over one another."""
    shares = sorted(
        (e for e in estimates.of("high_share") if e.value is not None), key=lambda e: (-(e.value or 0.0), str(e.at))
    )
    errors = [estimates.one("error", **{k: e.at[k] for k in ("corruption", "severity")}) for e in shares]
    if not shares or not all(errors):
        return
    at = shares[0].at
    yield Dots(
        title="Error, from fine change to coarse",
        x_label="share of images answered wrongly",
        categories=[f"{titled(e.at['corruption'])} {e.value or 0.0:.0%}" for e in shares],
        series=[_series("this model", errors)],
        x_range=(0.0, 1.0),
        caption=f"At severity {at['severity']}. Behind each name: how much of the squared change of pixel values lies in fine "
        f"detail, above {at['radius']:.3g} waves ({at['radius_nyquist']:.0%} of n/2). If frequency is what counts, marks "
        "move to one side on the way down.",
    )


def _bands(estimates: Estimates) -> Iterator[Table]:
    sizes = estimates.of("change_rms")
    if not sizes:
        return
    bands = [e.at["radius_nyquist"] for e in estimates.of("change_share", corruption=sizes[0].at["corruption"])]
    rows = []
    for size in sizes:
        name = size.at["corruption"]
        own = [estimates.one("change_share", corruption=name, radius_nyquist=edge) for edge in bands]
        rows.append((titled(name), size.value, *(e.value if e else None for e in own)))
    headings = ["mean" if edge == 0 else "beyond" if edge is None else f"to {edge:.4g}" for edge in bands]
    yield Table(
        title="Where the spectrum changes",
        columns=("corruption", "change", *headings),
        rows=rows,
        formats=(None, "number", *percents(len(bands))),
        caption=f"At severity {sizes[0].at['severity']}. Change: root of the mean squared change of pixel values (0 to 1). "
        "Then the share of the squared change by bands: of the picture's mean alone, up to so much of n/2 each, and beyond.",
    )


def _table(estimates: Estimates) -> Iterator[Table]:
    found = _shown(estimates)
    severities = sorted({int(e.at["severity"]) for e in estimates.of("error")})
    if not found:
        return
    with_ce = bool(estimates.of("ce"))
    rows = []
    for mean in found:
        name = mean.at["corruption"]
        own = [estimates.one("error", corruption=name, severity=s) for s in severities]
        half, ce = estimates.one("halved_at", corruption=name), estimates.one("ce", corruption=name)
        row = [titled(name), FAMILY[name], *(e.value if e else None for e in own), (mean.value, mean.low, mean.high)]
        rows.append([*row, half.value if half else None, *([ce.value if ce else None] if with_ce else [])])
    more = ("CE",) if with_ce else ()
    yield Table(
        title="All errors",
        columns=("corruption", "family", *(f"at {s}" for s in severities), "mean", "half at", *more),
        rows=rows,
        formats=(None, None, *percents(len(severities)), "percent", "integer", *numbers(len(more))),
        caption="Errors at each severity. Half at: the first at which half of the accuracy on the images as they are is gone."
        + (" CE: 100 times the errors by those of AlexNet." if with_ce else ""),
    )


def percents(count: int) -> Sequence[Format]:
    """So many columns of shares."""
    return ["percent"] * count


def numbers(count: int) -> Sequence[Format]:
    """So many columns of plain numbers."""
    return ["number"] * count


def _examples(names: Sequence[Name], severity: int) -> Iterator[Gallery]:
    """One image, in two rows: all corruptions beside one another are wider than a page."""
    told = f"At severity {severity}, with what the model says of it. Which image, its name draws, from those right as they are."
    for title, families in (("noise and blur", FAMILIES[:2]), ("weather and digital change", FAMILIES[2:])):
        mine = [name for family in families for name in names if FAMILY[name] == family]
        if mine:
            yield Gallery(
                title=f"One image under {title}",
                key=EXAMPLE,
                pictures=[("plain", "as it is"), *((name, titled(name)) for name in mine)],
                lines=["{plain}", *(f"{{{name}}}" for name in mine)],
                most=1,
                caption=told,
            )


def _mild(estimates: Estimates) -> Gallery:
    least = min(int(e.at["severity"]) for e in estimates.of("agreement"))
    return Gallery(
        title="Missed after a mild corruption",
        key=MILD,
        pictures=[("plain", "as it is"), ("corrupted", "corrupted")],
        lines=["{before} {p_before:.0%}", "{after} {p_after:.0%}: {named}"],
        caption=f"At severity {least}, under each corruption the image, right as it is, that is missed with most confidence.",
    )
