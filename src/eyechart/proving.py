"""What a remedy did: figures of models on the same images, one less another, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Exam, Subject
from eyechart.core.findings import stuck
from eyechart.core.judged import judged_as
from eyechart.core.tally import Tally
from eyechart.core.words import percent
from eyechart.run.session import Session
from eyechart.stats.draws import values_alone
from eyechart.stats.jackknife import difference, groups_of, holm
from eyechart.store.rows import exam_columns, examined_labels
from eyechart.store.run_folder import Run

Array = np.ndarray[Any, Any]
Address = tuple[str, tuple[tuple[str, Any], ...]]
Verdict = Literal["better", "worse", "perhaps better", "perhaps worse", "not shown"]
LEVEL = 0.05
FILE = "proof.json"
SOURCE = "target_source"  # column of rows


@dataclass(frozen=True)
class Change:
    """A figure of one model, less the same figure of another, on the same images.

    Attributes:
        exam, measure, at, unit: of the figure; ``name`` says it in plain words.
        model, less: names.
        before, after: the figure of ``less`` and of ``model``, on the images that both examined.
        value, low, high, n: after minus before, its 95 % interval, and the test images: pictures of one are left out together.
        p: after Holm's correction for all changes of this pair of models.
        smallest: the difference that would have been shown four times in five, before that correction.
        verdict: ``better`` or ``worse`` where p is below 0.05; ``perhaps ...`` where only the interval leaves out 0, as one of
            many may by chance; else ``not shown``.
        caveat: why a better figure is no gain, a clause: the model is steady because it gives one answer again and again.
    """

    exam: str
    measure: str
    at: Mapping[str, Any]
    unit: str
    name: str
    model: str
    less: str
    before: float
    after: float
    value: float
    low: float | None
    high: float | None
    n: int
    p: float
    smallest: float | None
    verdict: Verdict
    caveat: str = ""


def prove(session: Session, pairs: Sequence[tuple[str, str]], roles: Mapping[str, str]) -> list[Change]:
    """Compare models of a finished session, and keep the comparison in its run folder, where the report finds it.

    Args:
        session: finished, all its models on the same images.
        pairs: (model, the one it is compared with), the one that counts most first.
        roles: model -> what it is, such as ``control``.

    Figures that cannot be told from the rows of a run are left out; so are those without a better or worse.
    """
    run = Run(session.folder.root)
    found = [change for model, less in pairs for change in compared(session, model, session, less)]
    found = [replace(change, caveat=_caveat(change, run.estimates)) for change in found]
    told = {"schema": 1, "roles": dict(roles), "pairs": [list(pair) for pair in pairs]}
    session.folder.write_json(FILE, {**told, "changes": [asdict(change) for change in found]})
    return found


def _caveat(change: Change, estimates: Sequence[Estimate]) -> str:
    """Steadiness of a model that is stuck on one answer is worth nothing."""
    if not change.verdict.endswith("better") or any(word in change.measure for word in ("accuracy", "error", "ece")):
        return ""
    measure = ("roll_" if change.measure.startswith("roll_") else "") + "commonest_answer_share"
    for e in estimates:
        shared = {*e.at} & {*change.at}
        here = (e.exam, e.model, e.measure) == (change.exam, change.model, measure)
        if here and all(e.at[k] == change.at[k] for k in shared) and e.at.get("protocol") != "unshifted" and stuck(e):
            return f"it gives one and the same answer {percent(e)} of the time there"
    return ""


def compared(session: Session, model: str, other: Session, less: str) -> list[Change]:
    """One model less another, as ``prove`` compares them; each may have sat the same exams in a session of its own.

    Args:
        session, other: finished, with the same exams, images and seed.
        model, less: names of models of theirs.
    """
    return _adjusted(list(_changes((session, model), (other, less))))


def _changes(own: tuple[Session, str], other: tuple[Session, str]) -> Iterator[Change]:
    runs = [(session, Run(session.folder.root), name) for session, name in (own, other)]
    for exam in own[0].exams:
        sides = [_sat(session, run, exam, name) for session, run, name in runs]
        if exam.asks and all(len(table) for table, _ in sides):
            yield from _of_exam(exam, sides[0], sides[1], runs[0][1], (own[1], other[1]))


def _sat(session: Session, run: Run, exam: Exam, name: str) -> tuple[pa.Table, Subject]:
    """A model's rows of an exam, and what it is."""
    table = run.rows(exam.name)
    subject = next(engine.subject for engine in session.engines if engine.model.name == name)
    return table.filter(pc.equal(table["model"], name)), subject


def _of_exam(
    exam: Exam,
    own: tuple[pa.Table, Subject],
    other: tuple[pa.Table, Subject],
    run: Run,
    names: tuple[str, str],
) -> Iterator[Change]:
    """Each judged figure that the rows alone tell, with what it is without each group of images."""
    ids = sorted({*_ids(own[0])} & {*_ids(other[0])})
    sides = [_Side(exam, table, subject, ids) for table, subject in (own, other)]
    recorded = [e for e in run.estimates if e.exam == exam.name and e.model == names[0]]
    with values_alone():
        whole = [side.figures(np.ones(len(ids), bool)) for side in sides]
        shared = [
            address for address in whole[0] if address in whole[1] and _tells(whole[0][address], recorded, own[0], ids)
        ]
        if not shared:
            return
        unit = _test_images(own[0], ids)
        group = groups_of(int(unit.max()) + 1)[unit]
        without = [[side.figures(group != k) for side in sides] for k in range(int(group.max()) + 1)]
    for address in shared:
        gaps = [_gap(a.get(address), b.get(address)) for a, b in without]
        yield _change(address, (whole[0][address], whole[1][address]), gaps, int(unit.max()) + 1, names)


class _Side:
    """One model's rows of an exam, the images in a given order."""

    def __init__(self, exam: Exam, table: pa.Table, subject: Subject, ids: Sequence[str]) -> None:
        self._exam, self._subject = exam, subject
        places = {name: k for k, name in enumerate(_ids(table))}
        order = np.array([places[name] for name in ids], np.int64)
        self._rows = {name: column[order] for name, column in exam_columns(table).items()}
        self._labels = examined_labels(table)[order]

    def figures(self, chosen: Array) -> dict[Address, Estimate]:
        """Judged figures of the chosen images."""
        rows = {name: column[chosen] for name, column in self._rows.items()}
        try:
            found = self._exam.estimates(Tally(rows), self._labels[chosen], self._subject)
        except (KeyError, ValueError, IndexError, TypeError):  # an exam that needs more than its rows
            return {}
        lead = [e for e in found if e.value is not None and judged_as(e)]
        return {(e.measure, tuple(e.at.items())): e for e in lead}


def _tells(e: Estimate, recorded: Sequence[Estimate], table: pa.Table, ids: Sequence[str]) -> bool:
    """Whether the rows told what the run holds; on fewer images that cannot be checked."""
    if len(ids) < len(_ids(table)):
        return True
    same = (other for other in recorded if other.measure == e.measure and dict(other.at) == dict(e.at))
    kept = next(same, None)
    return kept is not None and kept.value is not None and bool(np.isclose(kept.value, e.value or 0.0))


def _ids(table: pa.Table) -> list[str]:
    taken = table.filter(pc.is_in(table["status"], pa.array(["ok", "converted"])))
    return [str(name) for name in taken["id"].to_pylist()]


def _test_images(table: pa.Table, ids: Sequence[str]) -> Array:
    """(n,) numbers from 0, equal for pictures of one test image: in sets of corrupted files ``source`` says which."""
    if SOURCE not in table.column_names:
        return np.arange(len(ids))
    of = dict(zip(table["id"].to_pylist(), table[SOURCE].to_pylist(), strict=True))
    return np.asarray(np.unique([str(of[name]) for name in ids], return_inverse=True)[1])


def _gap(own: Estimate | None, other: Estimate | None) -> float:
    if own is None or other is None or own.value is None or other.value is None:
        return float("nan")
    return own.value - other.value


def _change(
    address: Address, found: tuple[Estimate, Estimate], gaps: Sequence[float], n: int, names: tuple[str, str]
) -> Change:
    own, other = found
    after, before, kind = own.value or 0.0, other.value or 0.0, judged_as(own)
    told = difference(after - before, gaps, n, share=own.unit in ("share", "probability"))
    better = kind is not None and (told.value > 0) == (kind.better == "more")
    return Change(
        own.exam,
        own.measure,
        dict(own.at),
        own.unit,
        kind.name if kind else own.measure,
        *names,
        before,
        after,
        told.value,
        told.low,
        told.high,
        n,
        told.p,
        told.smallest,
        "better" if better else "worse",
    )


def _adjusted(changes: Sequence[Change]) -> list[Change]:
    """With Holm's p, and the verdict that follows of it."""
    found = []
    for change, p in zip(changes, holm([change.p for change in changes]), strict=True):
        verdict = change.verdict if p < LEVEL else f"perhaps {change.verdict}" if change.p < LEVEL else "not shown"
        found.append(Change(**{**asdict(change), "p": p, "verdict": verdict}))
    return found
