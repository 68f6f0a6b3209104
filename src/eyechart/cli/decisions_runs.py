"""A run's answers as a table of decisions: each model an observer, with its categories as the exam had them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from eyechart.images.categories import Categories
from eyechart.images.category_file import as_table, categories_for
from eyechart.images.decisions import NO_ANSWER, DecisionError, DecisionTable
from eyechart.images.decisions_csv import network_decisions
from eyechart.store.run_folder import Run

SETTING = "--from"
# exam -> columns of the right category and of the answer
EXAMS = {"human_likeness": ("category", "answer"), "shape_bias": ("shape", "answer_{aggregation}")}


def decisions_of(where: str, known: tuple[str, ...]) -> DecisionTable:
    """What the models of a finished run answered in ``human_likeness`` (beside a table) or ``shape_bias``.

    Answers outside all categories are ``na``; ``known`` are the categories of the tables beside it.

    Raises:
        DecisionError: the run holds neither, or a category is not known.
        RunFolderError: there is no finished run.
    """
    run = Run(where)
    told = {name: given["settings"] for name, given in run.record["exams"].items() if name in EXAMS}
    for exam, settings in told.items():
        right, said = (column.format(**settings) for column in EXAMS[exam])
        rows = run.rows(exam) if run.results["complete"] and exam not in _skipped(run) else None
        if rows is not None and {right, said} <= set(rows.column_names):
            parts = list(_by_model(run, settings, rows.to_pylist(), right, said, known))
            return replace(parts[0], decisions=tuple(one for part in parts for one in part))
    raise DecisionError(
        "The run holds no decisions.",
        setting=SETTING,
        value=where,
        way_out=f"Run one of the exams {' (with a table), '.join(EXAMS)} to its end.",
    )


def _skipped(run: Run) -> set[str]:
    return {one["exam"] for one in run.results["skipped"]}


def _by_model(
    run: Run, settings: Mapping[str, Any], rows: list[dict[str, Any]], right: str, said: str, known: tuple[str, ...]
) -> Iterator[DecisionTable]:
    for model in run.record["models"]:
        names = _categories(model, settings).names
        if strange := [name for name in names if name not in known]:
            way_out = f"Name all that tables and run have: --categories {','.join(dict.fromkeys((*known, *names)))}."
            raise DecisionError(
                f"{strange[0]!r} is none of the categories.", setting=SETTING, value=run.path, way_out=way_out
            )
        mine = [row for row in rows if row["model"] == model["name"] and row["status"] == "ok" and row[right] >= 0]
        answers = [row[said][0] if isinstance(row[said], list) else row[said] for row in mine]
        yield network_decisions(
            model["name"],
            [row["id"] for row in mine],
            [names[row[right]] for row in mine],
            [names[k] if k >= 0 else NO_ANSWER for k in answers],
            known,
        )


def _categories(model: Mapping[str, Any], settings: Mapping[str, Any]) -> Categories:
    wish = settings["categories"]
    table = wish if isinstance(wish, str) else as_table(wish)
    return categories_for(table, tuple(model["class_names"]), model["n_outputs"])
