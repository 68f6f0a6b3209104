"""The proof of a remedy, first on the page: what got better, what it cost, and what could not be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eyechart.core.chart import Finding, Format, Table
from eyechart.report.contents import PageSection
from eyechart.report.numerals import plain

FILE = "proof.json"
BALANCED = "balanced.json"
SHARES = ("share", "probability")
MOST = 3  # figures in a sentence
HEADINGS = (
    ("better", "got better"),
    ("stuck", "steadier, but stuck"),
    ("worse", "got worse"),
    ("perhaps worse", "perhaps worse"),
    ("perhaps better", "perhaps better"),
    ("not shown", "not shown"),
)
AGAINST = {
    "control": "the control, which was trained as long on the same images without the cure",
    "before": "the model before",
}
EXPLANATION = (
    "All models were shown the same images, which had no part in the treatment. Differences are of those same images, and the "
    "interval says how far it may be off by the choice of images; where several figures are compared, more is asked of each."
)

Change = Mapping[str, Any]


def proof_section(
    stored: Mapping[str, Any] | None, balanced: Mapping[str, Any] | None = None
) -> tuple[PageSection, ...]:
    """The section of what ``prove`` kept, and the five rows of nets trained with BaSS; none where nothing was proved."""
    if not stored or not stored["pairs"]:
        return ()
    changes, roles = stored["changes"], stored["roles"]
    lead = [c for c in changes if [c["model"], c["less"]] == stored["pairs"][0]]
    model, less = stored["pairs"][0]
    against = roles.get(less, less)
    findings = tuple(_finding(kind, [c for c in lead if _kind(c) == kind], against) for kind, _ in HEADINGS)
    tables = [_head(lead, changes, roles, forms) for forms in (True, False)]
    others = [_other([c for c in changes if [c["model"], c["less"]] == p], roles, p) for p in stored["pairs"][1:]]
    title = f"What it is worth: {roles.get(model, model)} beside {against}"
    charts = tuple(table for table in (*tables, *others, balanced_table(balanced)) if table is not None)
    return (PageSection("proof", title, EXPLANATION, tuple(f for f in findings if f), charts),)


def _kind(c: Change) -> str:
    """The verdict; ``stuck`` where a better figure is no gain."""
    return "stuck" if c.get("caveat") else str(c["verdict"])


def _finding(kind: str, changes: Sequence[Change], against: str) -> Finding | None:
    beside = AGAINST.get(against, against)
    if not changes:
        word = {"better": "better", "worse": "worse"}.get(kind)
        return Finding("note", f"Nothing was shown to be {word} than {beside}.") if word else None
    if kind == "not shown":
        told = _listed([figure_name(c) for c in changes], "figure")
        return Finding("note", f"No difference could be shown in {len(changes)} of the figures: {told}.")
    as_it = [f", as {c['caveat']}" if kind == "stuck" else "" for c in changes]
    told = _listed([f"{figure_name(c)}: {_from_to(c)}{why}" for c, why in zip(changes, as_it, strict=True)], "figure")
    if kind == "better":
        return Finding("strong", f"Better than {beside}: {told}.")
    if kind == "worse":
        return Finding("weak", f"It cost, beside {beside}: {told}.")
    may = "alone it would count, but of so many figures one may come out so by chance"
    begin = "Steadier, and no gain" if kind == "stuck" else f"{kind.capitalize()} ({may})"
    return Finding("note", f"{begin}: {told}.")


def _listed(texts: Sequence[str], what: str) -> str:
    more = len(texts) - MOST
    rest = f"; and {more} more {what}{'s' if more > 1 else ''}" if more > 0 else ""
    return "; ".join(texts[:MOST]) + rest


def _from_to(c: Change) -> str:
    if c["unit"] not in SHARES:
        return f"from {plain(c['before'])} to {plain(c['after'])}"
    ends = f", 95% interval {100 * c['low']:+.1f} to {100 * c['high']:+.1f}" if c["low"] is not None else ""
    return f"{100 * c['after']:.1f}% instead of {100 * c['before']:.1f}% ({100 * c['value']:+.1f} points{ends})"


def figure_name(c: Change) -> str:
    """A figure in plain words, with the coordinates that tell it from its like."""
    told = {k: v for k, v in c["at"].items() if k not in HIDDEN and (k, v) not in PLAIN}
    words = [
        str(v).replace("_", " ") if isinstance(v, str) else f"{k.replace('_', ' ')} {plain(v)}" for k, v in told.items()
    ]
    return str(c["name"]) + (f" ({', '.join(words)})" if words else "")


HIDDEN = ("radius", "radius_nyquist", "band", "set", "column", "saved", "generator", "corruptions", "cells", "chance")
PLAIN = (("given", "all"), ("attack", "all"), ("shown", "corrupted"))


def _head(lead: Sequence[Change], changes: Sequence[Change], roles: Mapping[str, str], shares: bool) -> Table | None:
    """The lead pair, by verdict, with the figures of all models."""
    mine = [c for c in lead if (c["unit"] in SHARES) == shares]
    if not mine:
        return None
    model, less = mine[0]["model"], mine[0]["less"]
    first = [name for name in roles if name not in (model, less)]
    form: Format = "percent" if shares else "number"
    rows = []
    for kind, heading in HEADINGS:
        for c in (c for c in mine if _kind(c) == kind):
            known = [_of(changes, name, c) for name in first]
            gap = (c["value"], c["low"], c["high"])
            least = c["smallest"] if kind not in ("better", "stuck", "worse") else None
            rows.append((figure_name(c), heading, *known, c["before"], c["after"], gap, least, c["n"]))
    named = [roles.get(name, name) for name in (*first, less, model)]
    columns = ("figure", "outcome", *named, f"{named[-1]} less {named[-2]}", "least that would show", "images")
    return Table(
        title="What got better, what it cost, what could not be shown",
        columns=columns,
        rows=rows,
        formats=(None, None, *[form] * len(named), form, form, "integer"),
        caption="Differences with 95% intervals over the same images for both (jackknife by groups of images). The outcome "
        "counts that several figures are compared (Holm, 5% in all): perhaps is said where the interval leaves out 0, but not "
        "by enough for so many. The "
        "least that would show: a difference of this size would have been shown four times in five. Intervals are over "
        "images; another training of the same kind may differ by more.",
    )


def _of(changes: Sequence[Change], name: str, like: Change) -> float | None:
    """The same figure of another model."""
    for c in changes:
        if (c["exam"], c["measure"], c["at"]) == (like["exam"], like["measure"], like["at"]):
            if c["model"] == name:
                return float(c["after"])
            if c["less"] == name:
                return float(c["before"])
    return None


def _other(changes: Sequence[Change], roles: Mapping[str, str], pair: Sequence[str]) -> Table | None:
    """A further pair of models."""
    if not changes:
        return None
    model, less = (roles.get(name, name) for name in pair)
    words = dict(HEADINGS)
    rows = [
        (figure_name(c), words[_kind(c)], c["before"], c["after"], (c["value"], c["low"], c["high"]), c["n"])
        for c in changes
        if c["unit"] in SHARES
    ]
    return Table(
        title=f"{model} beside {less}",
        columns=("figure", "outcome", less, model, f"{model} less {less}", "images"),
        rows=rows,
        formats=(None, None, "percent", "percent", "percent", "integer"),
        caption="As above.",
    )


def balanced_table(stored: Mapping[str, Any] | None) -> Table | None:
    """The five rows of each model, see ``eyechart.balanced``."""
    if not stored:
        return None
    models = stored["models"]
    first = next(iter(models.values()))
    rows = [
        (one["row"], *(_figure(own[k]["accuracy"]) for own in models.values()), one["accuracy"]["n"])
        for k, one in enumerate(first)
    ]
    if first[0]["corrupted"]:
        under = [_figure(own[0]["corrupted"]) for own in models.values()]
        rows.insert(1, ("1 images as they are, corrupted: wrong", *under, first[0]["corrupted"]["n"]))
    form: Format = "percent"
    return Table(
        title="Trained with BaSS: five rows",
        columns=("shown", *models, "images"),
        rows=rows,
        formats=(None, *[form] * len(models), "integer"),
        caption="Share of right answers; under attack, of images for which no misleading change was found. Rows 1 and 2 are "
        "those to compare with other nets. Balancing moves pixels far more than an attack may, so row 4 says nothing of row 2.",
    )


def _figure(e: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return e["value"], e["low"], e["high"]
