"""What the shape_bias exam writes down of each stimulus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.exam import Array, Subject
from eyechart.core.query import Answer
from eyechart.core.tally import Kept
from eyechart.images.categories import OTHER, RULES, Categories, Rule
from eyechart.images.class_names import shown
from eyechart.images.cues import Cues

FATES = ("conflict", "agreeing", "absent", "no_stimulus")
CONFLICT, AGREEING, ABSENT, NO_STIMULUS = range(len(FATES))
FEATURED = (("cat", "elephant"), ("car", "clock"), ("bear", "bottle"))  # shape, texture: everybody knows these pictures
LISTS = ("featured", "texture", "shape", "other")


@dataclass(frozen=True)
class Stimuli:
    """A batch of images as stimuli.

    Attributes:
        ids: of the images.
        fates: (n,) what becomes of each, a place in FATES.
        shapes, textures: (n,) categories; OTHER where they are none.
        contents, styles: (n,) int32, equal for equal names.
    """

    ids: Sequence[str]
    fates: Array
    shapes: Array
    textures: Array
    contents: Array
    styles: Array

    @classmethod
    def of(cls, ids: Sequence[str], cues: Cues, categories: Categories | None) -> Stimuli:
        """Without categories, none of the shapes and textures can be answered."""
        shapes, textures = (
            categories.place_named(names.tolist()) if categories else np.full(len(ids), OTHER, np.int16)
            for names in (cues.shapes, cues.textures)
        )
        named = np.array([bool(s and t) for s, t in zip(cues.shapes, cues.textures, strict=True)], bool)
        agreeing, absent = shapes == textures, (shapes == OTHER) | (textures == OTHER)
        fates = np.select([~named, absent, agreeing], [NO_STIMULUS, ABSENT, AGREEING], CONFLICT).astype(np.int8)
        return cls(ids, fates, shapes, textures, _numbered(cues.contents), _numbered(cues.styles))

    @property
    def rows(self) -> dict[str, Array]:
        """Columns of the stimuli themselves."""
        own = {"shape": self.shapes, "texture": self.textures, "content": self.contents, "style": self.styles}
        return {"fate": self.fates, **own}


def strangers(cues: Cues, categories: Categories, most: int = 3) -> list[str]:
    """The first shapes and textures that belong to none of the categories."""
    names = sorted({*cues.shapes, *cues.textures} - {""})
    return [shown(name) for name, k in zip(names, categories.place_named(names), strict=True) if k == OTHER][:most]


def answer_rows(stimuli: Stimuli, categories: Categories, answers: Sequence[Answer]) -> dict[str, Array]:
    """Columns of the answers, (n, views) or (n, views * categories)."""
    logs = [answer.log_p for answer in answers]
    rows = {"top1": np.stack([answer.top1 for answer in answers], axis=1).astype(np.int32)}
    for rule in ("mean", "sum", "max"):
        scores = [categories.scores(log_p, rule) for log_p in logs]
        rows[f"scores_{rule}"] = np.concatenate(scores, axis=1).astype(np.float32)
    for how in RULES:
        said = [categories.answers(log_p, how) for log_p in logs]
        rows[f"answer_{how}"] = np.stack(said, axis=1).astype(np.int16)
    asked = stimuli.fates == CONFLICT
    for cue, names in (("shape", stimuli.shapes), ("texture", stimuli.textures)):
        ranks = [categories.best_ranks(log_p, np.where(asked, names, OTHER)) for log_p in logs]
        rows[f"rank_{cue}"] = np.stack(ranks, axis=1).astype(np.int32)
    return rows


def cases(stimuli: Stimuli, categories: Categories, answer: Answer, rule: Rule, subject: Subject) -> Iterator[Kept]:
    """Conflicting stimuli, each under what its answer named; those that everybody knows lead, then some by name alone."""
    said, scores = categories.answers(answer.log_p, rule), categories.scores(answer.log_p, rule)
    for i in np.flatnonzero(stimuli.fates == CONFLICT).tolist():
        shape, texture = int(stimuli.shapes[i]), int(stimuli.textures[i])
        named = "shape" if said[i] == shape else "texture" if said[i] == texture else "other"
        margins = scores[i, said[i]] - scores[i, [shape, texture]] if said[i] != OTHER else -scores[i, [shape, texture]]
        facts = {
            "shape": categories.names[shape],
            "texture": categories.names[texture],
            "answer": categories.names[said[i]] if said[i] != OTHER else "none of the categories",
            "named": f"the {named}" if named != "other" else "neither",
            "class_name": subject.class_name(int(answer.top1[i])),
            "confidence": float(answer.confidence[i]),
        }
        # how far the answer outweighs the other cue, or for neither, both
        margin = margins.min() if named == "other" else margins.max()
        yield _case(named, float(margin), stimuli.ids[i], facts)
        pair = (facts["shape"], facts["texture"])
        famous = pair in FEATURED
        part = FEATURED.index(pair) if famous else len(FEATURED)
        yield _case("featured", 0.0 if famous else _by_name(stimuli.ids[i]), stimuli.ids[i], facts, f"/{part}")


def _case(kind: str, score: float, image_id: str, facts: Mapping[str, Any], part: str = "") -> Kept:
    return Kept(f"{key_of(kind)}{part}", score, image_id, facts)


def _by_name(image_id: str) -> float:
    """A number in [0, 1) that says nothing of the answer."""
    digest = blake2b(image_id.encode("utf-8", "surrogatepass"), digest_size=4, person=b"shape_bias").digest()
    return int.from_bytes(digest, "big") / 2**32


def key_of(kind: str) -> str:
    """Under what cases of a kind are kept."""
    return f"shape_bias/{LISTS.index(kind)}_{kind}"


def _numbered(names: Array) -> Array:
    """(n,) int32 hashes: equal for equal names, wherever and whenever they are read."""
    hashed = {name: blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest() for name in set(names)}
    return np.array([int.from_bytes(hashed[name], "big", signed=True) for name in names], np.int32)
