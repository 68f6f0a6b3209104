"""Remedies by weak spot: rules as data, intervals that count."""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace

import pytest

from eyechart.core.catalogue import exam_class, remedy_table
from eyechart.core.estimate import Estimate
from eyechart.core.judged import judged_as, judged_measures
from eyechart.report.prescription import as_data, names_given, prescribe, rules, told, unasked
from eyechart.train.cures import cure_names


def shifted(value: float, low: float | None, high: float | None) -> Estimate:
    at = {"protocol": "crop", "given": "correct"}
    return Estimate("shift", "p_top1_change", value, 400, low, high, at=at, model="net")


@pytest.mark.parametrize(
    ("value", "low", "high", "state"),
    [
        (0.2, 0.15, 0.25, "weak"),
        (0.06, 0.04, 0.08, "not shown"),
        (0.04, 0.03, 0.06, "not shown"),
        (0.01, 0.0, 0.02, "fine"),
        (0.2, None, None, "weak"),
    ],
)
def test_the_whole_interval_must_lie_beyond(value: float, low: float | None, high: float | None, state: str) -> None:
    (found,) = prescribe([shifted(value, low, high)])
    assert found.state == state
    (data,) = as_data([found])
    assert bool(data["remedies"]) == (state == "weak")
    assert f"{100 * value:.1f}%" in told(found)


def test_commands_name_the_model_where_it_is_known() -> None:
    record = {
        "models": [
            {"name": "net", "source": {"spec": "my net.safetensors", "arch": "timm:resnet18", "weights": "x"}},
            {"name": "library", "source": {"spec": "torchvision:resnet50", "arch": "torchvision:resnet50"}},
            {"name": "net + antialias", "source": {"spec": "my net.safetensors", "treatment": {}}},
            {"name": "wrapped", "source": {}},
        ]
    }
    run = SimpleNamespace(record=record)
    called = names_given(run)  # type: ignore[arg-type]
    assert called == {"net": "'my net.safetensors' --arch timm:resnet18", "library": "torchvision:resnet50"}
    weak = shifted(0.2, 0.15, 0.25)
    (found,) = prescribe([weak], called)
    (data,) = as_data([found])
    commands = [remedy["command"] for remedy in data["remedies"]]
    assert all("treat 'my net.safetensors' --arch timm:resnet18 --with" in command for command in commands)
    assert all("--exams clean,shift" in command for command in commands)
    (unknown,) = prescribe([weak])
    assert "treat MODEL --with" in unknown.command(unknown.rule.remedy[0])


def test_below_is_weak_where_more_is_better() -> None:
    at = {"attack": "all", "eps": 0.0313725}
    weak = Estimate("adversarial", "robust_accuracy", 0.0, 100, 0.0, 0.04, at=at, model="a")
    fine = Estimate("adversarial", "robust_accuracy", 0.5, 100, 0.4, 0.6, at=at, model="b")
    other = Estimate("adversarial", "robust_accuracy", 0.0, 100, 0.0, 0.04, at={**at, "eps": 0.1}, model="c")
    assert [(one.estimate.model, one.state) for one in prescribe([weak, fine, other])] == [("a", "weak"), ("b", "fine")]
    assert [choice.name for choice in prescribe([weak])[0].rule.remedy] == ["pgd_at", "trades"]
    assert "shift" in unasked([weak])
    assert "adversarial" not in unasked([weak])


def test_rules_name_what_there_is() -> None:
    """Exams with such a measure, remedies that treat takes, and evidence with its source."""
    for rule in rules():
        assert rule.measure in _source(rule.exam)
        for choice in rule.remedy:
            assert choice.name in {*remedy_table(), *cure_names()}
            assert choice.evidence
            assert choice.source
            assert choice.cost
            assert choice.name in choice.command
            assert ("--finetune" in choice.command) == (choice.name in {*cure_names(), "antialias", "polyphase"})


def _source(exam: str) -> str:
    return exam_class(exam).__doc__ or ""


def test_measures_that_are_judged_exist() -> None:
    for one in judged_measures():
        assert one.measure in _source(one.exam)
    assert judged_as(shifted(0.1, None, None)) is None
    e = Estimate("bands", "accuracy", 0.5, 9, at={"band": "low", "radius": 8.0, "radius_nyquist": 0.5})
    assert judged_as(e) is not None
    assert files("eyechart").joinpath("data", "measures.toml").is_file()
