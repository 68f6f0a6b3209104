"""Proofs: one model less another on the same images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyechart.core.catalogue import make_exams
from eyechart.examination import open_run, write_report
from eyechart.proving import prove
from eyechart.report.proof_section import proof_section
from eyechart.run.options import RunOptions
from eyechart.run.reporter import Silent
from eyechart.run.session import Session
from eyechart.store.folder import Folder
from eyes import ConstantEye, HighPassEye, LowPassEye, answered, image_set, noise_images, seen_by


def session(out: Path, n: int = 120) -> Session:
    """A sees the labels in all but every tenth image; B gives one answer; C is A."""
    images = noise_images(n)
    eye = LowPassEye(5, 16)
    answers = answered(eye, images)
    labels = np.where(np.arange(n) % 10 == 0, (answers + 1) % 4, answers)
    models = [
        seen_by(eye, name="a"),
        seen_by(ConstantEye(1.0, 0.0, 0.5, 0.2), name="b"),
        seen_by(LowPassEye(5, 16), name="c"),
    ]
    exams = make_exams(["clean", "bands"], {"bands": {"radii": [4]}})
    found = Session(models, image_set(images, labels), exams, Folder(out), RunOptions.of(workers=0), Silent())
    found.run()
    return found


def test_differences_are_those_of_the_figures(tmp_path: Path) -> None:
    found = session(tmp_path)
    changes = prove(found, [("a", "b"), ("c", "a")], {"b": "control", "a": "treated", "c": "before"})
    run = open_run(tmp_path)
    for change in changes:
        recorded = {
            e.model: e.value
            for e in run.estimates
            if (e.exam, e.measure, dict(e.at)) == (change.exam, change.measure, dict(change.at))
        }
        assert change.after == pytest.approx(recorded[change.model])
        assert change.before == pytest.approx(recorded[change.less])
        assert change.value == pytest.approx(change.after - change.before)
        assert change.n == 120
    (right,) = [c for c in changes if (c.measure, c.exam, c.model) == ("accuracy", "clean", "a")]
    assert right.after == pytest.approx(0.9)
    assert right.verdict == "better"
    assert right.low > 0.4
    alike = [c for c in changes if c.model == "c"]
    assert alike
    assert all((c.value, c.verdict) == (0.0, "not shown") for c in alike)
    assert all(c.low < 0 < c.high for c in alike if c.unit == "share")


def test_pictures_of_one_test_image_are_left_out_together(tmp_path: Path) -> None:
    """Two models that are right on other images, each image ten times: no ten times as many images."""
    n, copies = 40, 10
    own = noise_images(n)
    images = np.repeat(own, copies, axis=0)
    eyes = [LowPassEye(5, 16), LowPassEye(4, 16)]
    answers = [answered(eye, images) for eye in eyes]
    chance = np.random.default_rng(0).random(n).repeat(copies) < 0.5
    labels = np.where(chance, *answers)
    wide = []
    for source in (None, np.arange(n).repeat(copies)):
        of = image_set(images, labels)
        of = of if source is None else replace(of, targets={**of.targets, "source": source})
        models = [seen_by(eye, name=name) for eye, name in zip(eyes, "ab", strict=True)]
        exams = make_exams(["clean"], {})
        found = Session(models, of, exams, Folder(tmp_path / str(source is None)), RunOptions.of(workers=0), Silent())
        found.run()
        (right,) = [c for c in prove(found, [("a", "b")], {}) if c.measure == "accuracy"]
        assert right.n == (n * copies if source is None else n)
        wide.append(right.high - right.low)
    assert wide[1] > 2 * wide[0]


def test_a_net_that_is_steady_for_having_one_answer_has_gained_nothing(tmp_path: Path) -> None:
    images = noise_images(120)
    eye = LowPassEye(5, 16)
    models = [seen_by(HighPassEye(5, 16), name="a"), seen_by(ConstantEye(1.0, 0.0, 0.5, 0.2), name="b")]
    exams = make_exams(["shift"], {"shift": {"protocols": ["embed_black"], "pairs_per_image": 1}})
    of = image_set(images, answered(eye, images))
    found = Session(models, of, exams, Folder(tmp_path), RunOptions.of(workers=0), Silent())
    found.run()
    changes = prove(found, [("b", "a")], {"a": "before", "b": "treated"})
    (steady,) = [c for c in changes if c.measure == "p_top1_change"]
    assert steady.verdict == "better"
    assert "one and the same answer 100.0%" in steady.caveat
    (section,) = proof_section(found.folder.read_json("proof.json"))
    assert not [f for f in section.findings if f.verdict == "strong"]
    assert any("Steadier, and no gain" in f.sentence for f in section.findings)
    other = prove(found, [("a", "b")], {"b": "before", "a": "treated"})
    assert not any(c.caveat for c in other)


def test_the_report_begins_with_it(tmp_path: Path) -> None:
    found = session(tmp_path)
    write_report(tmp_path)
    assert "What it cost" not in (tmp_path / "report.html").read_text()
    prove(found, [("b", "a")], {"a": "before", "b": "treated"})
    (section,) = proof_section(found.folder.read_json("proof.json"))
    assert any(
        f.verdict == "weak" and f.sentence.startswith("It cost, beside the model before") for f in section.findings
    )
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "What it cost" in page
    assert "Proof of b" in page
    assert page.index("What it is worth") < page.index("The images as they are: the models")
    assert proof_section(None) == ()
