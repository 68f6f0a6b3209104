"""Remedies by weak spot: rules as data, intervals that count."""

from __future__ import annotations

from importlib.resources import files

import pytest

from eyechart.core.catalogue import exam_class, remedy_table
from eyechart.core.estimate import Estimate
from eyechart.core.judged import judged_as, judged_measures
from eyechart.report.commands import known_words
from eyechart.report.prescription import as_data, prescribe, rules, told, unasked
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


def record(command: str, **sources: dict[str, object]) -> dict[str, object]:
    """As far as commands are filled in from it."""
    models = [{"name": name, "source": source} for name, source in sources.items()]
    return {"models": models, "provenance": {"command": command}}


def test_commands_name_models_as_they_load() -> None:
    weights = {"weights": "file", "trust": "none"}
    treated = {**weights, "arch": "timm:resnet18", "treatment": {}}
    found = known_words(
        record(
            "script.py --images photos",
            file={**weights, "spec": "my net.pth", "arch": "timm:resnet18"},
            library={**weights, "spec": "torchvision:resnet18", "arch": "torchvision:resnet18"},
            tagged={**weights, "spec": "timm:resnet18.a1_in1k", "arch": "timm:resnet18"},
            factory={"spec": "own.nets:small", "arch": "own.nets:small", "trust": "none"},
            demo={**weights, "spec": "demo", "arch": "eyechart:cifar_resnet20"},
            program={**weights, "spec": "net.pt2", "arch": "exported program", "trust": "code"},
            pickled={**weights, "spec": "net.pt", "arch": "ResNet", "trust": "pickle"},
            trained={**treated, "spec": "net/model.safetensors", "trust": "code"},
            own={**treated, "spec": "own.safetensors", "arch": "own.nets:small"},
            unsaved=treated,
            wrapped={"spec": "wrapped"},
        )
    )
    assert {name: words.get("MODEL") for name, words in found.items()} == {
        "file": "'my net.pth' --arch timm:resnet18",
        "library": "torchvision:resnet18",
        "tagged": "timm:resnet18.a1_in1k",
        "factory": "own.nets:small",
        "demo": "demo",
        "program": "net.pt2 --trust code",
        "pickled": "net.pt --trust pickle",
        "trained": "net/model.safetensors",
        "own": "own.safetensors --trust code",
        "unsaved": None,
        "wrapped": None,
    }
    assert not any("IMAGES" in words for words in found.values())


@pytest.mark.parametrize(
    ("command", "model", "images", "training"),
    [
        ("exam n --images 'my own' --classes c.csv --outputs logits", " --outputs logits", "'my own' --classes c.csv", None),
        ("exam net.pth --images=a --labels l --train-images b --train_labels m", "", "a --labels l", "b --train-labels m"),
        ("treat net.pth --finetune --images a --out x.safetensors --with bass", "", "a", None),
        ("treat net.pth --with low_pass --images a --test-images b --test-labels l.csv", "", "b --labels l.csv", None),
        ("train --arch own:net --preprocess in.toml --images a --labels l --test-images b", "", "b", "a --train-labels l"),
        ("demo --images a", "", None, None),
        ("exam net.pth --config 'open", "", None, None),
        ("", "", None, None),
    ],
)  # fmt: skip
def test_images_and_classes_are_those_of_the_run(
    command: str, model: str, images: str | None, training: str | None
) -> None:
    source: dict[str, object] = {"spec": "net.pth", "arch": "timm:resnet18"}
    found = known_words(record(f"eyechart {command}" if command else "", net=source))["net"]
    assert found == {
        "MODEL": f"net.pth --arch timm:resnet18{model}",
        **({"IMAGES": images} if images else {}),
        **({"TRAINING": training} if training else {}),
    }


def test_commands_are_filled_in_where_that_is_known() -> None:
    weak = shifted(0.2, 0.15, 0.25)
    (found,) = prescribe([weak], {"net": {"MODEL": "IMAGES.pth", "IMAGES": "photos"}})
    (data,) = as_data([found])
    commands = [remedy["command"] for remedy in data["remedies"]]
    assert all(one.startswith("eyechart treat IMAGES.pth --with ") for one in commands)
    assert all("--images photos --exams clean,shift" in one for one in commands)
    assert "dense_stride" in {remedy["name"] for remedy in data["remedies"]}
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
