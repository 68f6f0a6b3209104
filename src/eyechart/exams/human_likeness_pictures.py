"""Figures of the human_likeness exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Format, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates

MODEL, PEOPLE = "model", "people"
OF = {MODEL: "the model with people", PEOPLE: "people with each other"}
SOURCES = {"table": "answered by people in the table", "soft_labels": "with shares of people who gave each answer"}
ANSWERS = {MODEL: "the model", "label": "the label"}
DOUBT = {"none": "all gave one answer", "some": "up to a fifth gave another", "much": "more than a fifth did"}
GIVEN = {"all": "all images", "right": "those it gets right", "wrong": "those it gets wrong"}
_FIGURES = {
    "cross_entropy": "cross-entropy of the model, people's answers given (nats)",
    "kl_divergence": "Kullback-Leibler divergence from people (nats)",
    "js_divergence_gap": "Jensen-Shannon divergence, less that of the label (nats)",
    "entropy_correlation": "rank correlation of the entropies of model and people",
    "people_entropy": "entropy of people's answers (nats)",
    "entropy_gap": "entropy of the model's probabilities, less that (nats)",
}
_NUMBERS: tuple[Format, ...] = ("number",) * 4


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Errors beside those of each person, answers and doubts beside soft labels, what was compared."""
    return [
        *_persons(estimates),
        *_means(estimates),
        *_doubts(estimates),
        *_answers(estimates),
        *_divergences(estimates),
        _compared(estimates),
    ]


def _persons(estimates: Estimates) -> Iterator[Chart]:
    found = estimates.of("error_consistency")
    if not found:
        return
    names = [e.at["observer"] for e in found]
    most = [estimates.one("error_consistency_highest", observer=name) for name in names]
    among = estimates.one("mean_error_consistency", of=PEOPLE)
    yield Bars(
        title="Does it err on the same images as people?",
        x_label="error consistency (kappa)",
        categories=names,
        series=[
            series("with the model", found),
            Series("highest that the two accuracies allow", [None if e is None else e.value for e in most]),
        ],
        rules=[Rule(among.value, "people with each other")] if among and among.value is not None else [],
        format="number",
        caption="Cohen's kappa of right and wrong: 0 is what the accuracies alone bring about, 1 the same errors. Whiskers: "
        "95% intervals. Without a bar: one of the two was always right or always wrong.",
    )
    measures = ("accuracy_difference", "observed_consistency", "error_consistency", "error_consistency_highest")
    accuracies = [("the model", estimates.one("accuracy", observer=MODEL), None)]
    accuracies += [(name, estimates.one("accuracy", observer=name), name) for name in names]
    rows = [
        [
            label,
            right.n if right else 0,
            cell(right),
            *(cell(estimates.one(m, observer=name)) if name else None for m in measures),
        ]
        for label, right, name in accuracies
    ]
    yield Table(
        title="Each person",
        columns=[
            "observer", "images", "right", "squared difference", "both right or wrong", "error consistency", "highest",
        ],
        rows=rows,
        formats=(None, "integer", "percent", *_NUMBERS),
        caption="Right: share of right answers; then against the model, on the images that both answered. Highest: what the "
        "two accuracies allow error consistency to be.",
    )  # fmt: skip


def _means(estimates: Estimates) -> Iterator[Table]:
    rows = []
    for name, label in OF.items():
        found = [
            estimates.one(f"mean_{m}", of=name)
            for m in ("accuracy_difference", "observed_consistency", "error_consistency")
        ]
        left_out = estimates.one("undefined_pairs", of=name)
        if left_out is not None and found[0] is not None:
            rows.append([label, left_out.n, int(left_out.value or 0), found[0].n, *map(cell, found)])
    if rows:
        yield Table(
            title="Mean over people",
            columns=[
                "who", "pairs", "without kappa", "images", "squared difference", "both right or wrong", "error consistency",
            ],
            rows=rows,
            formats=(None, "integer", "integer", "integer", *_NUMBERS[:3]),
            caption="Each two people once. What people have in common with each other is the most to be asked of a model. "
            "Intervals resample images for all observers together.",
        )  # fmt: skip


def _doubts(estimates: Estimates) -> Iterator[Bars]:
    found = [e for e in estimates.of("doubt_entropy") if e.at["answer"] == MODEL]
    if not found:
        return
    people = [estimates.one("doubt_entropy", answer=PEOPLE, doubt=e.at["doubt"]) for e in found]
    yield Bars(
        title="Does it doubt where people doubt?",
        x_label="mean entropy of answers (nats)",
        categories=[f"{DOUBT[e.at['doubt']]} ({e.n:,} images)" for e in found],
        series=[series("the model", found), series("people", people)],
        format="number",
        caption="Images by how far people agreed with each other. 0 nats: all sure of one answer. A model that is sure where "
        "people are not, or the other way round, goes by something else.",
    )


def _answers(estimates: Estimates) -> Iterator[Table]:
    rows = []
    for answer, label in ANSWERS.items():
        found = [
            estimates.one(measure, answer=answer) for measure in ("people_agreement", "people_share", "js_divergence")
        ]
        if found[0] is not None:
            rows.append([label, found[0].n, *map(cell, found)])
    if rows:
        yield Table(
            title="Answers beside those of people",
            columns=[
                "who",
                "images",
                "names the commonest answer",
                "people who say so",
                "divergence from people (nats)",
            ],
            rows=rows,
            formats=(None, "integer", "percent", "percent", "number"),
            caption="Commonest answer: that of most people. People who say so: mean share of people who gave the model's top "
            "class, or the label. Divergence: Jensen-Shannon, 0 where probabilities are the shares of people, 0.69 where they "
            "have no class in common; the label counts as sure of one class.",
        )


def _divergences(estimates: Estimates) -> Iterator[Table]:
    rows: list[Sequence[object]] = []
    for measure, label in _FIGURES.items():
        for e in estimates.of(measure):
            rows.append([label, GIVEN[e.at.get("given", "all")], e.n, cell(e)])
    if rows:
        yield Table(
            title="Probabilities beside those of people",
            columns=["figure", "on", "images", "value"],
            rows=rows,
            formats=(None, None, "integer", "number"),
            caption="No model has a smaller cross-entropy than the entropy of people's answers; what it has more is the "
            "divergence. Rank correlation: 1 where it doubts more whenever people do, 0 where neither tells of it.",
        )


def _compared(estimates: Estimates) -> Table:
    counted = estimates.of("images_compared")
    rows: list[Sequence[object]] = [[SOURCES[e.at["source"]], int(e.value or 0), e.n, None] for e in counted]
    rows += [["mean entropy of the model's probabilities (nats)", e.n, e.n, cell(e)] for e in estimates.of("entropy")]
    return Table(
        title="What was compared",
        columns=["images", "number", "of", "mean"],
        rows=rows,
        formats=(None, "integer", "integer", "number"),
        caption="Images that people were not shown, or of categories that the model lacks, have no part in the comparison.",
    )


def series(name: str, found: Sequence[Estimate | None]) -> Series:
    """Values and ends of intervals."""
    parts = ([None if e is None else getattr(e, part) for e in found] for part in ("value", "low", "high"))
    return Series(name, *parts)


def cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    """Of a table."""
    return None if e is None or e.value is None else (e.value, e.low, e.high)
