"""From models, images and exams to a run folder with results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from typing import Any

import numpy as np

from eyechart.core.catalogue import exam_table, make_exams
from eyechart.core.exam import Exam
from eyechart.core.query import cost_of
from eyechart.errors import EyechartError, NothingMeasuredError, SettingError
from eyechart.images.image_set import ImageSet
from eyechart.images.order import examined_order, pictures_of
from eyechart.models.image_model import ImageModel
from eyechart.run.common_ground import side_by_side
from eyechart.run.engine import Engine
from eyechart.run.finish import Fates, Finished, finish, finish_without_images, write_kept, write_rows
from eyechart.run.identity import digests, identity
from eyechart.run.labels import labels_for, labels_or_none
from eyechart.run.obstacles import obstacles
from eyechart.run.options import RunOptions
from eyechart.run.plan import Work, source_views, tasks
from eyechart.run.provenance import provenance
from eyechart.run.record import SCHEMA, Record, about_exam, about_images, about_model
from eyechart.run.reporter import Reporter
from eyechart.run.spread import Rank
from eyechart.store.folder import Folder

Array = np.ndarray[Any, Any]


@dataclass
class Session:
    """One command's work on a run folder.

    Args:
        models: examined one after another; together they are part of the run's identity.
        images: the images.
        exams: with their settings.
        folder: of the run.
        options: how to run.
        reporter: told how it goes.
        classes: how image classes are matched with outputs, see ``labels_for``.
        command: for the record.
        training: images that the models were fitted to, for the exams that compare with them.
    """

    models: Sequence[ImageModel]
    images: ImageSet
    exams: Sequence[Exam]
    folder: Folder
    options: RunOptions
    reporter: Reporter
    classes: str = "auto"
    command: str = ""
    training: ImageSet | None = None
    rank: Rank = field(default_factory=Rank.from_environment)

    def __post_init__(self) -> None:
        if not self.exams:
            raise SettingError(
                "No exam is asked for.", setting="--exams", value="", way_out="See: eyechart list exams."
            )
        self.models = distinct(self.models)
        self.finished = False  # results are written
        matched = [self._matched(model, self.images) for model in self.models]
        self.labels, self.class_lines = [m[0] for m in matched], [m[1] for m in matched]
        self.identity = self._identity(self.labels, self.images)
        self.record = Record(self.folder, self.identity)
        # A resumed run keeps its folders, whatever its models are called today.
        self.slots = self.record.slots or slots([model.name for model in self.models])
        self.record.slots = self.slots
        self.asked = tuple(self.exams)
        self.exams = with_recorded(self.exams, self.record.exams, self.reporter)
        self.n = self._number(self.images, self.record.limit)
        self.engines = self._engines(self.images, self.labels, self.n)
        self.beside = self._beside()

    def _matched(self, model: ImageModel, images: ImageSet) -> tuple[Array, list[str]]:
        """Labels as output numbers, and how they were matched."""
        match = labels_or_none if all(exam.own_targets for exam in self.exams) else labels_for
        return match(model, images, self.classes)

    def _identity(self, labels: Sequence[Array], images: ImageSet) -> dict[str, Any]:
        """What makes this run the run it is, on these images."""
        return identity(self.models, labels, images, self.options.seed, self.options.precision)

    def _number(self, images: ImageSet, covered: int) -> int:
        """How many images are examined: as many as asked for, or as the run covers already."""
        asked = pictures_of(images, self.options.limit or len(images), self.options.seed)
        if covered > asked:
            self.reporter.say(f"This run covers {covered:,} images already ({images.name}); all of them are used.")
        return max(asked, covered)

    def _engines(self, images: ImageSet, labels: Sequence[Array], n: int, training: bool = False) -> list[Engine]:
        """One a model."""
        keys = digests(self._identity(labels, images))
        order = examined_order(images, self.options.seed)
        slots = [f"{slot}-training" if training else slot for slot in self.slots]
        fixed = self.options, self.reporter, self.rank, training
        return [
            Engine(m, images, own, order, n, self.folder, slot, key, *fixed)
            for m, own, slot, key in zip(self.models, labels, slots, keys, strict=True)
        ]

    def _beside(self) -> list[Engine]:
        """Engines of the training images, one a model, or none."""
        if self.training is None:
            if self.record.training:
                self.reporter.say(
                    "The run also holds figures of training images; they are left out, since none are given now."
                )
            return []
        if self.training.fingerprint == self.images.fingerprint:
            raise SettingError(
                "The training images are the images that are examined.",
                setting="--train-images",
                value=self.training.name,
                way_out="Give the images that the model was fitted to, or leave the setting off.",
            )
        known = self.record.training if self.record.training.get("fingerprint") == self.training.fingerprint else {}
        labels = [self._matched(model, self.training)[0] for model in self.models]
        n = self._number(self.training, int(known.get("limit", 0)))
        return self._engines(self.training, labels, n, training=True)

    def skipped(self) -> list[dict[str, str]]:
        """Exams that cannot be run on a model, with the reason."""
        found = []
        for engine in self.engines:
            for exam in self.exams:
                if reason := self._unfit[exam, engine]:
                    found.append({"exam": exam.name, "model": engine.model.name, "reason": reason})
        return found

    def plan(self) -> dict[str, Any]:
        """What there is to do, as plain data: images, queries, forwards, what is finished already."""
        per_model = []
        for engine in (*self.engines, *self.beside):
            works = engine.works(self._fitting(engine), 0, dict.fromkeys(self.exams, ()))
            queries = tuple(dict.fromkeys(q for w in works for q in w.queries))
            todo = tasks(works, engine.n, engine.shard_sizes(works)) if works else []
            per_model.append(
                {
                    "model": engine.model.name,
                    "images": engine.images.name,
                    "exams": {w.exam.name: len(w.queries) for w in works},
                    "queries_asked": sum(len(w.queries) for w in works),
                    "queries_distinct": len(queries),
                    "frames_decoded_per_image": len(source_views(queries)),
                    "forwards_per_image": cost_of(queries),
                    "forwards_left": sum(task.forwards for task in todo),
                    "seconds_left": round(sum(task.forwards for task in todo) * engine.pace.forward, 1),
                    "shards_left": len(todo),
                }
            )
        return {"images": self.n, "of": len(self.images), "models": per_model, "skipped": self.skipped()}

    def run(self) -> None:
        """Do what is missing, then write rows, kept cases, results and the page's words."""
        # Before anything is written, as settings that fit no model raise.
        todo = [[(e, self._fitting(e)) for e in engines] for engines in (self.engines, self.beside)]
        if self.rank.number == 0 or self.record.new:  # whoever ends first can open the run
            self.record.begin(self._state())
        done, beside = ([engine.run(fitting) for engine, fitting in each] for each in todo)
        if self.rank.number == 0:
            self._finish(done, beside)

    def _finish(
        self, done: Sequence[Mapping[Exam, Sequence[Work]]], beside: Sequence[Mapping[Exam, Sequence[Work]]]
    ) -> None:
        sections, estimates, skipped, fates, fitted = [], [], self.skipped(), Fates(), Fates()
        for exam in self.exams:
            found: list[Finished] = []
            for i, (engine, slot, works) in enumerate(zip(self.engines, self.slots, done, strict=True)):
                if exam not in works or (exam.asks and not works[exam]):
                    continue
                training = (self.beside[i], beside[i][exam]) if beside and beside[i].get(exam) else None
                result = (
                    finish(engine, exam, works[exam], training) if exam.asks else finish_without_images(engine, exam)
                )
                found.append(result)
                fates.add(result.table)
                if result.training is not None:
                    fitted.add(result.training)
                if result.section is None:
                    skipped.append({"exam": exam.name, "model": result.model, "reason": "no image could be examined"})
                    continue
                if training and not result.training_examined:
                    reason = "no training image could be examined"
                    skipped.append({"exam": exam.name, "model": result.model, "reason": reason})
                write_kept(self.folder, slot, result)
                sections.append({"model": result.model, "slot": slot, **result.section.to_dict()})
            subjects = [engine.subject for engine in self.engines if engine.model.name in {r.model for r in found}]
            beside_others = side_by_side(exam, [r.table for r in found], subjects, [r.model for r in found])
            for result, more in zip(found, beside_others, strict=True):
                common = [replace(e, model=result.model) for e in more]
                estimates += [e.to_dict() for e in (*result.estimates, *common)]
            if found:
                write_rows(self.folder, found)
        if fitted.bad:
            self.reporter.say(
                f"{fitted.bad:,} training images could not be examined; the figures beside leave them out."
            )
        fit = fates.bad <= self.options.max_bad
        complete = fit and bool(sections)
        self.folder.write_json("page.json", {"schema": SCHEMA, "sections": sections, "fates": fates.to_dict()})
        results = {"schema": SCHEMA, "complete": complete, "preview": self.n < len(self.images)}
        results |= {"images": self.n, "of": len(self.images)}
        self.folder.write_json("results.json", {**results, "estimates": estimates, "skipped": skipped})
        self.record.end(self._state())
        self.finished = True
        if not fit:
            raise fates.too_many(self.options.max_bad, self.folder.root)
        if not sections:
            raise NothingMeasuredError.of(skipped)

    def _fitting(self, engine: Engine) -> list[Exam]:
        wanted = [e for e in self.exams if e.training or e.needs_training or engine not in self.beside]
        return [exam for exam in wanted if not self._unfit[exam, engine]]

    @cached_property
    def _unfit(self) -> Mapping[tuple[Exam, Engine], str]:
        """Why exams cannot be run on models, see ``obstacles``."""
        beside = bool(self.beside)
        examined = obstacles(self.exams, self.engines, self.asked, beside)
        return {**examined, **obstacles(self.exams, self.beside, (), beside)}

    def _state(self) -> dict[str, Any]:
        """What this command examines, how and where, for the run's record."""
        return {
            "limit": self.n,
            "options": self.options.model_dump(mode="json"),
            "models": [
                about_model(slot, lines, engine.model)
                for slot, lines, engine in zip(self.slots, self.class_lines, self.engines, strict=True)
            ],
            "images": about_images(self.images),
            **self._about_training(),
            "exams": {exam.name: about_exam(exam, self.engines[0].identity) for exam in self.exams},
            "provenance": provenance(self.command),
        }

    def _about_training(self) -> dict[str, Any]:
        if not self.beside or self.training is None:
            return {}
        about = {"fingerprint": self.training.fingerprint, "limit": self.beside[0].n}
        return {"training": {**about_images(self.training), **about}}


def with_recorded(asked: Sequence[Exam], recorded: Mapping[str, Mapping[str, Any]], reporter: Reporter) -> list[Exam]:
    """The exams asked for and those the run has finished already, in the catalogue's order.

    An exam asked for again with other settings takes the place of the recorded one, whose shards stay. So do those of an
    exam that was given as an object and is in no catalogue, or cannot be made any more.
    """
    names, rank = {exam.name for exam in asked}, {name: i for i, name in enumerate(exam_table())}
    for name in sorted(set(recorded) - names - set(rank)):
        reporter.say(f"The run also holds {name}, which no catalogue knows: its shards stay, its figures are left out.")
    kept = [name for name in recorded if name not in names and name in rank]
    held: list[Exam] = []
    for name in kept:
        try:
            held += make_exams([name], {name: recorded[name]["settings"]})
        except EyechartError as error:  # nobody asked for it now: what is asked for goes on
            reporter.say(f"The run also holds {name}: its shards stay, its figures are left out. {error}")
    return sorted([*asked, *held], key=lambda exam: rank.get(exam.name, len(rank)))


def distinct(models: Sequence[ImageModel]) -> list[ImageModel]:
    """The models under names that tell them apart: their own, as the user wrote them, or else numbered."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        names = _numbered([str(model.source.get("spec", model.name)) for model in models])
    return [replace(model, name=name) for model, name in zip(models, names, strict=True)]


def slots(names: Sequence[str]) -> list[str]:
    """A short folder name for each model, unique within the run."""
    slugs = [re.sub(r"[^A-Za-z0-9._-]+", "-", name.rsplit("/", 1)[-1]).strip("-.")[:48] for name in names]
    return _numbered([slug or "model" for slug in slugs])


def _numbered(names: Sequence[str]) -> list[str]:
    """Each name as it is, or with the first number that makes it new."""
    found: list[str] = []
    for name in names:
        others = (f"{name}-{number}" for number in count(2))
        found.append(next(new for new in chain([name], others) if new not in found))
    return found
