"""The engine: walks the missing shards, one decode and one forward per distinct question, and commits what is finished."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic, sleep
from typing import Any

import numpy as np
import torch

from eyechart.core.exam import Batch, Exam
from eyechart.core.query import Query, cost_of
from eyechart.core.tally import Gathering, Tally
from eyechart.core.view import Attacked, Plain, View
from eyechart.errors import RunFolderError
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.run.batches import Artist
from eyechart.run.draw import Drawn, Job, draw
from eyechart.run.forward import Forwarder
from eyechart.run.gradients import differentiable
from eyechart.run.jobs import Jobs
from eyechart.run.memory import give_back
from eyechart.run.merge import merged
from eyechart.run.options import RunOptions
from eyechart.run.pace import Pace
from eyechart.run.plan import Task, Work, exam_key, source_views, still_missing, tasks, unfinished
from eyechart.run.reporter import Reporter
from eyechart.run.spread import Rank
from eyechart.run.subject import subject_of
from eyechart.store.folder import Folder
from eyechart.store.rows import to_table
from eyechart.store.shards import Shelf

Array = np.ndarray[Any, Any]


@dataclass
class _Open:
    """A task under way: what its batches have given so far."""

    task: Task
    head: dict[str, list[Any]] = field(default_factory=lambda: {"position": [], "id": [], "status": [], "reason": []})
    tallies: dict[Work, Gathering] = field(default_factory=dict)
    unfit: dict[Work, dict[int, str]] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)


def _told(view: View) -> str:
    return "the plain image" if view == Plain() else str(view)


class Engine:
    """Runs exams on one model.

    Args:
        model: the model.
        images: the images; ``labels`` are theirs as the model's output numbers (-1 = none).
        order: positions -> indices of the images; only the first ``n`` are examined.
        folder: of the run; shards go under ``shards/<slot>``.
        identity: digest of the run's identity, part of the shards' names.
        training: these are training images beside those examined.
    """

    def __init__(
        self,
        model: ImageModel,
        images: ImageSet,
        labels: Array,
        order: Array,
        n: int,
        folder: Folder,
        slot: str,
        identity: str,
        options: RunOptions,
        reporter: Reporter,
        rank: Rank,
        training: bool = False,
    ) -> None:
        self.model, self.images, self.labels, self.order, self.n = model, images, labels, order, n
        self.identity = identity
        self.folder, self.slot, self.options, self.reporter, self.rank = folder, slot, options, reporter, rank
        known = subject_of(model, bool((labels >= 0).any()), training, tuple(images.targets))
        self.subject = replace(known, precision=options.precision)
        self._forwarder = Forwarder(
            model, options.batch_size, options.seed, reporter.advance, self._first_frames, options.precision
        )
        self.pace = Pace(model, self._forwarder, images.in_memory)
        self._slowest = 0.0
        self._frames: dict[int, torch.Tensor] = {}
        self.jobs = Jobs(images, labels, order, model.preprocessing, options.seed)

    def attacked(self, positions: Sequence[int]) -> Attacked:
        """What attacks on some of the images are handed."""
        return Attacked(self.model, self.labels[self.order[np.asarray(positions)]], self.options.precision)

    def _first_frames(self, n: int) -> torch.Tensor:
        """The first plain frames of the order that can be decoded, at most n: (n, c, h, w) uint8."""
        if n not in self._frames:
            drawn = draw(self.jobs.of(range(min(n, len(self.order))), (Plain(),)))
            self._frames = {n: torch.from_numpy(drawn.frames[0][drawn.examined]).permute(0, 3, 1, 2)}
        return self._frames[n]

    def shelf(self, exam: Exam, stage: int, queries: Sequence[Query]) -> Shelf:
        """Where the shards of a stage of an exam lie."""
        key = exam_key(exam, stage, self.identity, queries if stage else ())
        return Shelf(self.folder, f"shards/{self.slot}/{key}", self.reporter.say)

    def works(self, exams: Sequence[Exam], stage: int, so_far: dict[Exam, tuple[Tally, ...]]) -> list[Work]:
        """What the exams ask in a stage."""
        asked = [(exam, exam.ask(self.subject, so_far[exam])) for exam in exams]
        return [
            Work(e, stage, tuple(dict.fromkeys(q)), self.shelf(e, stage, q), e.most(self.subject))
            for e, q in asked
            if q is not None
        ]

    def run(self, exams: Sequence[Exam]) -> dict[Exam, list[Work]]:
        """Run all stages of the exams; returns the works of each, by stage."""
        so_far: dict[Exam, tuple[Tally, ...]] = dict.fromkeys(exams, ())
        done: dict[Exam, list[Work]] = {exam: [] for exam in exams}
        stage = 0
        while works := self.works(exams, stage, so_far):
            self._stage(works)
            for work in works:
                done[work.exam].append(work)
                so_far[work.exam] += (merged(work.shelf, self.n),)
            exams, stage = [work.exam for work in works], stage + 1
        return done

    def finished(self, exam: Exam) -> bool:
        """Whether all stages of the exam stand, so that it asks nothing any more."""
        so_far: tuple[Tally, ...] = ()
        while works := self.works([exam], len(so_far), {exam: so_far}):
            if unfinished(works[0], self.n):
                return False
            so_far += (merged(works[0].shelf, self.n),)
        return True

    @cached_property
    def differentiable(self) -> bool:
        """Whether the model has input gradients."""
        return differentiable(self.model)

    def shard_size(self, queries: Sequence[Query]) -> int:
        """Images a shard, a power of two (see ``Pace``)."""
        return self.pace.images(queries)

    def shard_sizes(self, works: Sequence[Work]) -> dict[Work, int]:
        """For each work; those that want a few images only must not cut the shards of the others small."""
        usual = [w for w in works if w.most is None]
        sizes = {
            few: self.shard_size(tuple(dict.fromkeys(q for w in chosen for q in w.queries)))
            for few, chosen in ((False, usual or works), (True, works))
        }
        return {w: sizes[w.most is not None] for w in works}

    def _stage(self, works: Sequence[Work]) -> None:
        """Do what is missing; then wait for what others are doing, and take over what nobody finishes."""
        sizes = self.shard_sizes(works)
        todo = tasks(works, self.n, sizes)
        self.reporter.begin(self.model.name, sum(task.forwards for task in todo))
        try:
            self._walk(self.rank.rotated(todo))
            waited = monotonic()
            again = 0
            while left := tasks(works, self.n, sizes):
                if len(left) < len(todo):
                    todo, waited, again = left, monotonic(), 0
                elif again > 1:
                    raise self._unkept(left[0])
                elif monotonic() - waited >= self.rank.patience(self._slowest):
                    self._walk(left)
                    again += 1
                else:
                    sleep(0.2)
        finally:
            self.reporter.end()

    def _unkept(self, task: Task) -> RunFolderError:
        return RunFolderError(
            f"Images {task.span[0]} to {task.span[1]} were examined twice, and what was written did not verify.",
            setting="--out",
            value=self.folder.root,
            way_out="Check the disk for errors and free space, or choose another folder with --out.",
        )

    def _walk(self, todo: Sequence[Task]) -> None:
        open_tasks: deque[_Open] = deque()
        with Artist(self._workers(todo)) as artist, torch.inference_mode():
            for job, drawn in artist.drawn(self._jobs(todo, open_tasks)):
                current = open_tasks[0]
                self._examine(current, job, drawn)
                if len(current.head["id"]) == current.task.span[1] - current.task.span[0]:
                    self._commit(open_tasks.popleft())
        self._forwarder.forget_other_weights()

    def _workers(self, todo: Sequence[Task]) -> int:
        """Decode processes: none where images lie in memory in the model's size and are shown as they are."""
        if self.options.workers != "auto":
            return self.options.workers
        frames = sum(len(source_views(task.queries)) for task in todo[:1])
        images = sum(task.span[1] - task.span[0] for task in todo)
        small = images * frames < 256
        if small or (self.images.in_memory and frames <= 1):
            return 0
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores if self.model.device.type == "cpu" else cores - 1, 8))

    def _jobs(self, todo: Sequence[Task], open_tasks: deque[_Open]) -> Iterator[Job]:
        """Jobs of all tasks, drawn ahead across their borders; a task finished elsewhere meanwhile is left out."""
        for planned in todo:
            task = still_missing(planned, self.n)
            if not task.works:
                self.reporter.advance(planned.forwards)
                continue
            open_tasks.append(_Open(task))
            views = source_views(task.queries)
            step = self.pace.together(task.queries)
            for start in range(*task.span, step):
                yield self.jobs.of(range(start, min(start + step, task.span[1])), views)

    def _examine(self, current: _Open, job: Job, drawn: Drawn) -> None:
        """Answer all queries for one job and let each exam read its own."""
        kept = np.flatnonzero(drawn.examined)
        first = current.task.span[0] + len(current.head["id"])
        positions = range(first, first + len(job.ids))
        for name, values in zip(
            ("position", "id", "status", "reason"), (positions, job.ids, drawn.status, drawn.reason), strict=True
        ):
            current.head[name].extend(values)
        self.reporter.advance((len(job.ids) - len(kept)) * cost_of(current.task.queries))
        if not len(kept):
            return
        ids = tuple(job.ids[i] for i in kept)
        where = np.array(positions)[kept]
        labels = self.labels[self.order[where]]
        answers = self._forwarder.answers(current.task.queries, job.views, drawn, ids, labels)
        for work in current.task.works:
            mine, fine = answers.of(work.queries), np.ones(len(where), bool)
            for query, unfit in mine.unfit():
                if work.exam.tolerates(query):
                    continue
                reason = f"the model answered NaN or infinity to {_told(query.view)}"
                current.unfit.setdefault(work, {}).update(dict.fromkeys(where[unfit & fine].tolist(), reason))
                fine &= ~unfit
            if fine.any():
                batch = self._batch(where[fine], [i for i, f in zip(ids, fine, strict=True) if f])
                tally = work.exam.read(mine.where(fine), batch)
                if work not in current.tallies:
                    current.tallies[work] = Gathering(current.task.span[1] - current.task.span[0])
                current.tallies[work].add(tally)

    def _batch(self, positions: Array, ids: Sequence[str]) -> Batch:
        index = self.order[positions]
        others = {name: column[index] for name, column in self.images.targets.items() if name != "label"}
        return Batch(tuple(ids), self.labels[index], self.subject, others)

    def _commit(self, finished: _Open) -> None:
        span, seconds = finished.task.span, monotonic() - finished.began
        self._slowest = max(self._slowest, seconds)
        index = self.order[np.array(finished.head["position"], np.int64)]
        targets = {name: column[index] for name, column in self.images.targets.items()} | {"label": self.labels[index]}
        for work in finished.task.works:
            head = {name: list(values) for name, values in finished.head.items()}
            for position, reason in finished.unfit.get(work, {}).items():
                head["status"][position - span[0]], head["reason"][position - span[0]] = "not_finite", reason
            examined = np.array([s in ("ok", "converted") for s in head["status"]], bool)
            tally = finished.tallies[work].tally() if work in finished.tallies else Tally()
            table = to_table(head, targets, tally.rows, examined)
            bad = int((~examined).sum())
            work.shelf.commit(span, table, tally, images=len(examined), bad=bad, seconds=seconds)
        give_back()
