"""What there is to do: queries of all exams without duplicates, and the ranges in which each exam is still missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

from eyechart.core.exam import Exam
from eyechart.core.query import Query, cost_of
from eyechart.core.view import SourceView, sources_of, split_stages
from eyechart.store.shards import Range, Shelf, cut, missing


@dataclass(frozen=True)
class Work:
    """One stage of one exam on one model, with the shelf of its shards, of at most so many images (None = all)."""

    exam: Exam
    stage: int
    queries: tuple[Query, ...]
    shelf: Shelf
    most: int | None = None


@dataclass(frozen=True)
class Task:
    """A range of positions and the works still missing there."""

    span: Range
    works: tuple[Work, ...]

    @property
    def queries(self) -> tuple[Query, ...]:
        """Distinct queries, those of one source view together, in the order first asked."""
        asked = dict.fromkeys(q for work in self.works for q in work.queries)
        views = {v: n for n, v in enumerate(source_views(tuple(asked)))}
        return tuple(sorted(asked, key=lambda q: views[split_stages(q.view)[0]]))

    @property
    def forwards(self) -> int:
        """Forwards of the model that the task needs (a backward counts as two), views' own included."""
        return (self.span[1] - self.span[0]) * cost_of(self.queries)


def source_views(queries: Sequence[Query]) -> tuple[SourceView, ...]:
    """The distinct source views that queries start from or mix in, in the order first asked."""
    return tuple(dict.fromkeys(view for q in queries for view in sources_of(q.view)))


def exam_key(exam: Exam, stage: int, identity: str, later: Sequence[Query] = ()) -> str:
    """Names an exam's shards: changes with its version, any setting that rows depend on, the stage, and the run's identity.

    Settings that do not count are the exam's ``only_estimates``. The identity is part of it so that shards speak for
    themselves, even if the run's record is lost. ``later``: what a stage after the first asks, which depends on the images of
    the stages before.
    """
    settings = json.dumps(exam.model_dump(mode="json", exclude={*exam.only_estimates}), sort_keys=True)
    text = f"{identity}\0{exam.name}\0{exam.version}\0{settings}\0{stage}{repr(tuple(later)) if later else ''}"
    return f"{exam.name}-{blake2b(text.encode(), digest_size=6).hexdigest()}"


def tasks(works: Sequence[Work], images: int, sizes: Mapping[Work, int]) -> list[Task]:
    """Missing work in order, each cut at multiples of its size and wherever the set of missing works changes."""
    gaps = {w: unfinished(w, images) for w in works}
    edges = sorted({edge for work, found in gaps.items() for span in cut(found, sizes[work]) for edge in span})
    found = []
    for span in pairwise(edges):
        lacking = tuple(w for w in works if any(a <= span[0] and span[1] <= b for a, b in gaps[w]))
        if lacking:
            found.append(Task(span, lacking))
    return found


def unfinished(work: Work, images: int) -> list[Range]:
    """What is missing of a work."""
    wanted = images if work.most is None else min(images, work.most)
    return missing([(p.start, p.stop) for p in work.shelf.pieces(images)], wanted)


def still_missing(task: Task, images: int) -> Task:
    """The task without what others have finished since it was planned."""
    start, stop = task.span
    works = [w for w in task.works if _lacks(w, start, stop, images)]
    return Task(task.span, tuple(works))


def _lacks(work: Work, start: int, stop: int, images: int) -> bool:
    gaps = missing([(p.start, p.stop) for p in work.shelf.pieces(images)], stop)
    return any(a < stop and b > start for a, b in gaps)
