"""The JSON Schemas that ship with the package fit real runs, and nothing that is broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from eyechart.errors import NothingMeasuredError
from eyechart.images.image_set import ImageSet
from eyechart.images.sources import RefusedSource
from eyes import ConstantEye, LowPassEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, small_run

Json = dict[str, Any]


def validator(name: str) -> Draft202012Validator:
    schema = json.loads(files("eyechart").joinpath(f"data/schemas/{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(name: str, document: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)]


def unlabelled(n: int) -> ImageSet:
    images = numbered(n)
    return type(images)("plain", images.ids, {}, (), "plain")


def of_no_image(out: Path) -> None:
    with pytest.raises(NothingMeasuredError, match="no image could be examined"):
        small_run(out, numbered(2, dict.fromkeys((0, 1), RefusedSource("empty", ""))), max_bad=2)


CASES: dict[str, Callable[[Path], object]] = {
    "standard": lambda out: small_run(out, numbered(40)),
    "preview": lambda out: small_run(out, numbered(40), limit=20),
    "bad images": lambda out: small_run(out, numbered(20, {3: RefusedSource("empty", "no bytes")}), max_bad=1),
    "no images": of_no_image,
    "no labels": lambda out: small_run(out, unlabelled(20)),
    "embedding": lambda out: small_run(
        out, numbered(20), model=seen_by(LowPassEye(5, SIDE), name="e", outputs="embedding")
    ),
    "two models": lambda out: small_run(
        out, numbered(20), EXAMS[:2], model=[seen_by(LowPassEye(r, SIDE), name="eye") for r in (3, 5)]
    ),
    "constant": lambda out: small_run(out, numbered(20), model=seen_by(ConstantEye(0.0, 1.0, 0.0, 0.0))),
}


@pytest.mark.parametrize("case", CASES)
def test_real_runs_fit(tmp_path: Path, case: str) -> None:
    CASES[case](tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert faults("results", results) == []
    assert faults("run", json.loads((tmp_path / "run.json").read_text())) == []
    named = [(e["exam"], e["measure"], json.dumps(e["at"], sort_keys=True), e["model"]) for e in results["estimates"]]
    assert len(set(named)) == len(named)
    assert bool(named) != (case == "no images")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    out = tmp_path_factory.mktemp("schema")
    small_run(out, numbered(20), EXAMS[:2])
    return {name: json.loads((out / f"{name}.json").read_text()) for name in ("results", "run")}


def first(document: Json) -> Json:
    found: Json = document["estimates"][0]
    return found


BROKEN: dict[str, tuple[str, Callable[[Json], object]]] = {
    "another schema": ("results", lambda d: d.update(schema=2)),
    "a stray field": ("results", lambda d: d.update(extra=1)),
    "a stray field of an estimate": ("results", lambda d: first(d).update(comment="x")),
    "no model": ("results", lambda d: first(d).pop("model")),
    "no value and no reason": ("results", lambda d: first(d).update(value=None, low=None, high=None)),
    "an interval without a value": ("results", lambda d: first(d).update(value=None, reason="none")),
    "half an interval": ("results", lambda d: first(d).update(high=None)),
    "an interval of no method": ("results", lambda d: first(d).update(method="")),
    "a share above 1": ("results", lambda d: first(d).update(value=1.5)),
    "text for a value": ("results", lambda d: first(d).update(value="0.5")),
    "n below 0": ("results", lambda d: first(d).update(n=-1)),
    "nested coordinates": ("results", lambda d: first(d).update(at={"band": ["low"]})),
    "a skipped exam without reason": ("results", lambda d: d["skipped"].append({"exam": "x", "model": "m"})),
    "no identity": ("run", lambda d: d.pop("identity")),
    "a stray setting": ("run", lambda d: d["options"].update(speed=1)),
    "a local time": ("run", lambda d: d.update(started="2026-01-01T00:00:00")),
    "an odd slot": ("run", lambda d: d["models"][0].update(slot="../up")),
    "an odd filter": ("run", lambda d: d["models"][0]["preprocessing"].update(interpolation="box")),
    "no exam": ("run", lambda d: d.update(exams={})),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_documents_do_not(documents: dict[str, Json], fault: str) -> None:
    name, spoil = BROKEN[fault]
    assert faults(name, documents[name]) == []
    broken = copy.deepcopy(documents[name])
    spoil(broken)
    assert faults(name, broken) != []
