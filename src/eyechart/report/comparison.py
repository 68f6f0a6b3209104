"""Several models side by side: the headline figures of one exam, from what the run keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from eyechart.core.chart import Chart, Format, Lines, Table
from eyechart.core.estimate import Estimate
from eyechart.report.contents import PageSection
from eyechart.report.dots_overlay import joined_dots
from eyechart.report.gallery_overlay import Kept, joined_galleries, without
from eyechart.report.numerals import plain
from eyechart.report.overlay import ALONG, Address, curves, overlaid

MOST_MEASURES = 4
MOST_PLACES = 8  # columns of a table
EXPLANATION = (
    "The main figures of each model, beside those of the others. Each interval is a model's own: where two overlap, the models "
    "may differ all the same."
)
LESS = "less"  # the coordinate that names the other model
SHARES = ("share", "probability")
GIVEN = {
    "all": "all images",
    "correct": "images that the model at hand gets right",
    "all_models_correct": "images that all models get right",
}


def with_comparisons(
    sections: Sequence[PageSection],
    estimates: Sequence[Estimate],
    headlines: Mapping[str, Sequence[str]],
    kept: Kept = MappingProxyType({}),
) -> tuple[PageSection, ...]:
    """The sections, with one more before the first of each exam that several models sat: their figures side by side.

    Args:
        sections: in order; those of one exam are neighbours.
        estimates: of all exams and models.
        headlines: exam -> the measures to compare; none = all.
        kept: model -> its kept cases; galleries that all models share move into the section.
    """
    found: list[PageSection] = []
    for exam, group in groupby(sections, lambda section: section.exam):
        of_exam = list(group)
        if len(of_exam) > 1:
            models = [section.model for section in of_exam]
            measured = [e for e in estimates if e.exam == exam and e.model in models]
            shared, cases = joined_galleries(of_exam, kept)
            compared = compare(measured, models, headlines.get(exam, ()))
            charts: tuple[Chart, ...] = (*shared, *joined_dots(of_exam), *compared, *differences(measured))
            title = f"{of_exam[0].title}: the models side by side"
            found += [PageSection(exam, title, EXPLANATION, (), charts, cases=cases)] if charts else []
            of_exam = [without(section, shared) for section in of_exam]
        found += of_exam
    return tuple(found)


def compare(estimates: Sequence[Estimate], models: Sequence[str], headline: Sequence[str]) -> tuple[Lines | Table, ...]:
    """For each measure of ``headline`` (none = all; four at most) a table: a row a model, a column a set of coordinates.

    What differs in the radius alone, at five radii or more, is drawn instead: a line a model.

    What is given (all images, those a model gets right, those that all get right) has figures of its own.

    A radius is left out of the coordinates where it is also given as a share of Nyquist, so that models of different frames
    meet; so are coordinates that a model's own result chose, such as the place of its minimum. At most eight columns, the
    first in the order of the exam; the rest stays in ``results.json``.
    """
    figures: dict[str, dict[Address, Estimate]] = {model: {} for model in models}
    for e in estimates:
        if LESS not in e.at:
            figures[e.model].setdefault(_address(e), e)
    addresses = dict.fromkeys(address for own in figures.values() for address in own)
    measures = list(dict.fromkeys(measure for measure, _ in addresses))
    chosen = [m for m in headline if m in measures] or measures
    kinds = [(measure, given) for measure in chosen[:MOST_MEASURES] for given in _given(measure, addresses)]
    return tuple(chart for measure, given in kinds for chart in _charts(measure, given, addresses, figures))


def differences(estimates: Sequence[Estimate]) -> Iterator[Table]:
    """A table of each measure that is of one model less another, on the same images."""
    told = [e for e in estimates if LESS in e.at]
    for measure in dict.fromkeys(e.measure for e in told):
        mine = [e for e in told if e.measure == measure]
        places = [_words({k: v for k, v in e.at.items() if k != LESS}) for e in mine]
        apart = len(set(places)) > 1  # else said once
        rows = [(e.model, e.at[LESS], e.n, (e.value, e.low, e.high)) for e in mine]
        yield Table(
            title=f"{_title(measure, None)}: one model less another",
            columns=("model", "less that of", "images", "difference", *["at"] * apart),
            rows=[(*row, *[place] * apart) for row, place in zip(rows, places, strict=True)],
            formats=(None, None, "integer", "number", *[None] * apart),
            caption=f"{_caption(mine, '' if apart else places[0])} Both are of the same images, resampled together: an "
            "interval that holds 0 shows no difference.",
        )


def _charts(
    measure: str, given: Any, addresses: Iterable[Address], figures: Mapping[str, Mapping[Address, Estimate]]
) -> Iterator[Lines | Table]:
    """A measure's curves over the radius, then a table of whatever else there is."""
    mine = [a for a in addresses if a[0] == measure and _at(a).get("given") == given]
    drawn = curves(mine, figures)
    for curve in drawn:
        at = {k: v for k, v in _at(curve[0]).items() if k not in ("given", ALONG)}
        title = ", ".join(part for part in (_title(measure, given), _words(at)) if part)
        told = [own[address] for own in figures.values() for address in curve]
        yield overlaid(title, _name(measure), curve, figures, f"A line a model. {_caption(told, '')}")
    rest = [a for a in mine if not any(a in curve for curve in drawn)]
    if rest:
        yield _table(_title(measure, given), rest, figures)


def _given(measure: str, addresses: Iterable[Address]) -> list[Any]:
    """The values of the coordinate ``given`` of a measure."""
    return list(dict.fromkeys(_at(address).get("given") for address in addresses if address[0] == measure))


def _at(address: Address) -> dict[str, Any]:
    return dict(address[1])


def _title(measure: str, given: Any) -> str:
    name = _name(measure)
    return f"{name[:1].upper()}{name[1:]}" + (f", {GIVEN.get(given, given)}" if given else "")


def _name(measure: str) -> str:
    return measure.replace("_", " ")


def _table(title: str, addresses: Sequence[Address], figures: Mapping[str, Mapping[Address, Estimate]]) -> Table:
    shown = addresses[:MOST_PLACES]
    shared, headings = _headings([{k: v for k, v in at if k != "given"} for _, at in shown])
    found = [[own.get(address) for address in shown] for own in figures.values()]
    known = [e for row in found for e in row if e]
    rows = [
        (model, *((e.value, e.low, e.high) if e else None for e in row))
        for model, row in zip(figures, found, strict=True)
    ]
    form: Format = "percent" if all(e.unit in SHARES for e in known) else "number"
    columns = ("model", *(heading or _name(shown[0][0]) for heading in headings))
    more = len(addresses) - len(shown)
    return Table(
        title=title,
        columns=columns,
        rows=rows,
        formats=(None, *[form] * len(shown)),
        caption=_caption(known, shared) + (f" {more:,} more columns are in results.json." if more > 0 else ""),
    )


def _caption(known: Sequence[Estimate], shared: str) -> str:
    units, over = (", ".join(dict.fromkeys(getattr(e, part) for e in known)) for part in ("unit", "over"))
    least, most = min(e.n for e in known), max(e.n for e in known)
    n = f"n = {least:,}" if least == most else f"n from {least:,} to {most:,}"
    chosen = ", ".join(dict.fromkeys(name.replace("_", " ") for e in known for name in e.chosen))
    own = f" Each at a place of its own, chosen by its result ({chosen})." if chosen else ""
    return f"Unit: {units}{f'; {shared}' if shared else ''}. Intervals over {over}, {n}.{own}"


def _address(e: Estimate) -> Address:
    left_out = {*e.chosen, *(["radius"] if "radius_nyquist" in e.at else [])}
    at = {k: v for k, v in e.at.items() if k not in left_out}
    return e.measure, tuple(at.items())


def _headings(places: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """What all places share, and what is left of each, in words."""
    same = {k for k, v in places[0].items() if len(places) > 1 and all(p.get(k) == v for p in places)}
    shared = ", ".join(f"{k.replace('_', ' ')} {_number(v)}" for k, v in places[0].items() if k in same)
    return shared, [_words({k: v for k, v in place.items() if k not in same}) for place in places]


def _words(at: Mapping[str, Any]) -> str:
    """``low, radius nyquist 0.25``: texts say themselves what they are, numbers do not."""
    return ", ".join(
        str(v).replace("_", " ") if isinstance(v, str) else f"{k.replace('_', ' ')} {_number(v)}" for k, v in at.items()
    )


def _number(value: Any) -> str:
    return plain(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
