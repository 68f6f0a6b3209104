"""How often a small rotation, scaling, shear, stretch, tilt or a flip changes the model's mind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import Told, figures
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.errors import SettingError
from eyechart.exams.affine_pictures import charts, findings, named
from eyechart.stats.intervals import commonest, differences, means, pooled, share_of
from eyechart.views.maps import keystone, places, rotation, shearing
from eyechart.views.motions import FAMILIES, Family, SmallMove, Still, Undone
from eyechart.views.moved import Margin, Smoothing
from eyechart.views.warp import Warp

PIXEL: Literal["pixel"] = "pixel"
Amounts = tuple[float | Literal["pixel"], ...]
KEPT = 2  # cases a family


class Change(NamedTuple):
    """One family at one amount."""

    family: Family
    amount: float


class Affine(Exam):
    """How much the answer changes when the image is turned, scaled, sheared, stretched, tilted or mirrored by a little.

    Each image is shown as it is, and changed by one family at a time: T(x) by ``rotate`` (degrees), ``scale`` (percent; one of
    its amounts is one pixel of the input's shorter side), ``shear`` (degrees, rows slide), ``stretch`` (percent, one axis),
    ``perspective`` (percent larger at one edge, as much smaller at the opposite), ``flip`` (left to right, amount 0). Changes
    are about the centre of the frame, bilinear. To which side, and along which axis, is drawn for each image, alike for all
    amounts of a family.

    Interpolation smooths, and that alone may change an answer. The ``control`` smooths, too, but moves nothing, and
    ``excess_change`` is what moving adds. ``in_place`` smooths each pixel by the variance of its own interpolation, once: the
    same to second order, and a little less on the finest grain; it knows bilinear interpolation alone. ``there_and_back`` shows
    T, then its inverse: smoothed twice, so too much, and the excess is a lower bound that may be below 0; at the borders
    ``zero`` and ``reflect`` it also shows what T(x) lost there. A flip smooths nothing: its control is x itself.

    Where the picture ends (``border``): ``margin`` changes the whole picture as the model's preprocessing resizes it and cuts
    the frame afterwards, so that what comes in at the corners is real; turned by an angle a frame of N needs N (|cos| + |sin|)
    pixels (256 are enough for 224 up to 8.8 degrees), and where the picture has no more it is mirrored and counted.
    ``enlarged`` resizes the picture so much larger, for x and T(x) alike, that nothing is invented at any amount; that may
    cost accuracy by itself (see that of x). ``zero`` and ``reflect`` change the frame alone.

    Pairs and measures as in Azulay & Weiss (JMLR 20(184), 2019); families, amounts and control are our own.

    Measures, at {family, amount} and {given: all | correct | all_models_correct} (correct: images right on x;
    all_models_correct: images that all models get right, where several sit the exam):
        p_top1_change: share of images whose top class differs between x and T(x).
        mean_absolute_change: mean |p1[c] - p2[c]|, c the top class of x.
        accuracy: share of labelled images whose T(x) is answered with the label.
        control_change, control_absolute_change, control_accuracy: the same of the control.
        excess_change: p_top1_change less control_change, paired by image.
    At {given} alone, over the smallest amounts of all families but ``flip``, fixed beforehand (the largest of many figures
    would be large by chance); intervals resample images:
        least_change, least_control_change: mean share of these changes, and of their controls, whose top class differs.
        least_excess: the first less the second.
    At {family, amount} alone:
        invented_images: images of which T(x) shows anything beyond the end of the picture.
        invented_share, control_invented_share: mean share of pixels that do, in T(x) and in the control.
    And, of x, accuracy at {family: none, chance} and commonest_answer_share: near chance, or 1, stability means nothing.

    Rows: ``image_top1``, and per family (arrays with one entry an amount) ``<family>_top1``, ``<family>_absolute_change``,
    ``<family>_invented``, ``<family>_control_top1``, ``<family>_control_absolute_change``, ``<family>_control_invented``;
    ``<family>_side`` (-1 or 1: turned clockwise or not, smaller or larger, rows below to the right or left, right or bottom
    edge smaller or larger) and ``<family>_upright`` (1: along the upright axis).

    Kept: per family, the images whose confidence moves most where the smallest amount changes the answer.
    """

    name: ClassVar[str] = "affine"
    headline: ClassVar[tuple[str, ...]] = ("least_excess", "p_top1_change", "excess_change")
    version: ClassVar[int] = 2  # the control is smoothed once; what it invents
    right_by: ClassVar[str] = "image_top1"
    title: ClassVar[str] = "Small turns and scalings"
    explanation: ClassVar[str] = (
        "Each image is shown as it is and turned, scaled, sheared, stretched, tilted by a little, or mirrored, all of which "
        "leave what it shows as it was. To tell whether it is the move that changes an answer or the slight blur that comes "
        "with it, each image is also shown with that blur alone, nothing moved."
    )

    families: Annotated[tuple[Family, ...], Distinct] = Field(
        FAMILIES, min_length=1, description="Which changes to make."
    )
    rotate: tuple[float, ...] = Field((0.5, 1.0, 2.0, 5.0, 10.0, 15.0), description="Degrees.")
    scale: Amounts = Field(
        (PIXEL, 1.0, 2.0, 5.0, 10.0), description="Percent; 'pixel' is one pixel of the shorter side."
    )
    shear: tuple[float, ...] = Field((1.0, 2.0, 5.0, 10.0), description="Degrees.")
    stretch: tuple[float, ...] = Field((1.0, 2.0, 5.0, 10.0), description="Percent, along one axis.")
    perspective: tuple[float, ...] = Field((1.0, 2.0, 5.0, 10.0), description="Percent larger at one edge, below 50.")
    border: Literal["margin", "enlarged", "zero", "reflect"] = Field(
        "margin", description="What comes in at the borders: real picture as far as there is, or see above."
    )
    control: Undone = Field("in_place", description="The blur without the move: in_place or there_and_back, see above.")
    smoothing: Smoothing = Field("bilinear", description="Interpolation: bilinear or bicubic.")
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("smoothing")
    @classmethod
    def _known_in_place(cls, smoothing: Smoothing, info: ValidationInfo) -> Smoothing:
        if smoothing != "bilinear" and info.data.get("control") == "in_place":
            raise ValueError("set affine.control=there_and_back: in_place knows bilinear interpolation alone")
        return smoothing

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def changes(self, subject: Subject) -> list[Change]:
        """All changes, by family, the smallest first. Raises SettingError on amounts that cannot be."""
        found = []
        for family in self.families:
            given: Amounts = (0.0,) if family == "flip" else getattr(self, family)
            amounts = {100 / min(subject.size) if amount == PIXEL else float(amount) for amount in given}
            limit = {"rotate": 180.0, "shear": 80.0, "perspective": 50.0}.get(family, 1000.0)
            if not amounts or not all(0 < a < limit for a in amounts if family != "flip"):
                way_out = f"Give one amount or more, each above 0 and below {limit:g}."
                raise SettingError("There is no such change.", setting=f"affine.{family}", value=given, way_out=way_out)
            found += [Change(family, amount) for amount in sorted(amounts)]
        return found

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image, each change of it, and each control."""
        if so_far:
            return None
        room = self._room(subject)
        asked = [q for change in self.changes(subject) for q in self._queries(change, room)]
        return tuple(dict.fromkeys((CLEAN, self._plain(room), *asked)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per amount in the columns of a family."""
        room = self._room(batch.subject)
        plain = answers[self._plain(room)]
        rows: dict[str, Array] = {"image_top1": plain.top1.astype(np.int32)}
        cases: list[Kept] = []
        for family, amounts in self._by_family(batch.subject).items():
            asked = [self._queries(Change(family, amount), room) for amount in amounts]
            moved, back = ([answers[pair[k]] for pair in asked] for k in (0, 1))
            for prefix, shown in (("", moved), ("control_", back)):
                rows[f"{family}_{prefix}top1"] = np.stack([a.top1 for a in shown], 1).astype(np.int32)
                change = np.stack([plain.absolute_change(a) for a in shown], 1)
                rows[f"{family}_{prefix}absolute_change"] = change.astype(np.float32)
                invented = [a.notes.get("invented", np.zeros(len(a.valid))) for a in shown]  # x itself has none
                rows[f"{family}_{prefix}invented"] = np.stack(invented, 1).astype(np.float32)
            for note in ("side", "upright"):
                rows[f"{family}_{note}"] = moved[0].notes[note].astype(np.int8)
            cases += self._cases(Change(family, amounts[0]), plain, moved[0], back[0], batch)
        return Tally(rows, kept=best(KEPT, cases), limit=KEPT)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per change, over all images and over those right on the image as it is."""
        plain, known = tally.rows["image_top1"], labels >= 0
        right = (plain == labels) & known
        found = [self.estimate("commonest_answer_share", **figure(commonest(plain)))]
        groups = {"all": np.ones(len(labels), bool)}
        if known.any():
            groups["correct"] = right
            none = {"family": "none", "chance": 1 / max(1, subject.n_classes)}
            found.append(self.estimate("accuracy", at=none, **figure(share_of(right[known]))))
        for given, group in groups.items():
            found += self._least(tally.rows, plain, group, {"given": given})
        for family, amounts in self._by_family(subject).items():
            rows = {k.removeprefix(f"{family}_"): v for k, v in tally.rows.items() if k.startswith(f"{family}_")}
            at = [{"family": family, "amount": amount} for amount in amounts]
            for given, group in groups.items():
                told = [{**one, "given": given} for one in at]
                found += self._figures({k: v[group] for k, v in rows.items()}, plain[group], labels[group], told)
            found += self._invented(rows, at)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """A curve a family beside its control, a table, the changed answers."""
        return charts(estimates, self.border, self.control)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What moving alone does at the smallest amounts, taken together."""
        return findings(estimates, self.control)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image as it is, and changed."""
        change, room = Change(case.facts["family"], case.facts["amount"]), case.facts["room"]
        return {"plain": self._plain(room).view, "moved": self._queries(change, room)[0].view}

    def _by_family(self, subject: Subject) -> dict[Family, list[float]]:
        found: dict[Family, list[float]] = {}
        for family, amount in self.changes(subject):
            found.setdefault(family, []).append(amount)
        return found

    def _room(self, subject: Subject) -> float:
        """How many frames wide the picture must be so that no change shows its end; 0 where it stays as it is."""
        if self.border != "enlarged":
            return 0.0
        height, width = subject.size
        corners = np.array([[-1, 1, -1, 1], [-1, -1, 1, 1]]) * np.array([[(width - 1) / 2], [(height - 1) / 2]])
        farthest = 1.0
        for family, amount in self.changes(subject):
            for map in _extremes(family, amount, subject.size):
                x, y = places(map, *corners)
                farthest = max(farthest, (2 * np.abs(x).max() + 2) / width, (2 * np.abs(y).max() + 2) / height)
        return float(farthest)

    def _plain(self, room: float) -> Query:
        return Query(Margin(Still(), room)) if room else CLEAN

    def _queries(self, change: Change, room: float) -> tuple[Query, Query]:
        """The change, and its control."""
        there, back = (SmallMove(*change, undone=undone) for undone in (None, self.control))
        back_again = self._plain(room) if change.family == "flip" else Query(self._view(back, room))
        return Query(self._view(there, room)), back_again

    def _view(self, motion: SmallMove, room: float) -> View:
        if self.border in ("margin", "enlarged"):
            return Margin(motion, room, self.smoothing)
        return Warp(motion, "zero" if self.border == "zero" else "reflect", self.smoothing)

    def _cases(self, change: Change, plain: Answer, moved: Answer, back: Answer, batch: Batch) -> Iterator[Kept]:
        """Images whose answer changes, but not by the control."""
        by, subject = plain.absolute_change(moved), batch.subject
        for i in np.flatnonzero((plain.top1 != moved.top1) & (plain.top1 == back.top1)):
            said = {
                "before": subject.class_name(int(plain.top1[i])),
                "after": subject.class_name(int(moved.top1[i])),
                "p_before": float(plain.confidence[i]),
                "p_after": float(moved.confidence[i]),
            }
            facts = {**said, **change._asdict(), "group": named(*change), "room": self._room(subject)}
            yield Kept(f"affine/{FAMILIES.index(change.family)}/", float(by[i]), batch.ids[i], facts)

    def _figures(
        self, rows: Mapping[str, Array], plain: Array, labels: Array, at: Sequence[Mapping[str, Any]]
    ) -> Iterator[Estimate]:
        """Figures of one family over some images, an entry of ``at`` an amount."""
        each, known, said = np.ones((len(plain), 1), bool), (labels >= 0)[:, None], plain[:, None]
        told = []
        for k, one in enumerate(at):
            for prefix, change in (("", "p_top1_change"), ("control_", "control_change")):
                top1, by = (rows[prefix + column][:, k, None] for column in ("top1", "absolute_change"))
                told.append(Told(change, "share", one, top1 != said, each))
                told.append(Told(f"{prefix or 'mean_'}absolute_change", "probability", one, by, each))
                if known.any():
                    told.append(Told(f"{prefix}accuracy", "share", one, (top1 == labels[:, None]) & known, known))
        yield from figures(self.estimate, told, {})
        excess = differences(rows["top1"] != said, rows["control_top1"] != said)
        for one, interval in zip(at, excess, strict=True):
            yield self.estimate("excess_change", unit="difference of shares", at=one, **figure(interval))

    def _least(
        self, rows: Mapping[str, Array], plain: Array, group: Array, at: Mapping[str, Any]
    ) -> Iterator[Estimate]:
        """The smallest amounts of all families together."""
        families = [family for family in self.families if family != "flip"]
        if not families:
            return
        moved, blurred = (
            np.stack([rows[f"{family}_{top1}"][group, 0] != plain[group] for family in families], 1)
            for top1 in ("top1", "control_top1")
        )
        yield self.estimate("least_change", at=at, **figure(pooled(moved, share=True)))
        yield self.estimate("least_control_change", at=at, **figure(pooled(blurred, share=True)))
        (excess,) = differences(moved.mean(1, keepdims=True), blurred.mean(1, keepdims=True))
        yield self.estimate("least_excess", unit="difference of shares", at=at, **figure(excess))

    def _invented(self, rows: Mapping[str, Array], at: Sequence[Mapping[str, Any]]) -> Iterator[Estimate]:
        for one, column in zip(at, rows["invented"].T, strict=True):
            count = float((column > 0).sum())
            yield self.estimate("invented_images", unit="count", value=count, n=len(column), at=one)
        for prefix in ("", "control_"):
            for one, interval in zip(at, means(rows[f"{prefix}invented"]), strict=True):
                yield self.estimate(f"{prefix}invented_share", unit="share of pixels", at=one, **figure(interval))


def _extremes(family: Family, amount: float, size: tuple[int, int]) -> list[Array]:
    """The maps of a change that reach farthest."""
    if family == "flip":
        return []
    if family == "rotate":
        return [rotation(amount)]
    if family == "shear":
        return [shearing(amount)]
    if family == "perspective":
        return [keystone(amount / 100, upright, size) for upright in (False, True)]
    return [np.diag([1 + amount / 100, 1 + amount / 100, 1.0])]
