"""From a spec to a model, and every way in which that can fail."""

from __future__ import annotations

import argparse
import random
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from eyechart.errors import (
    CheckpointError,
    ClassMapError,
    EyechartError,
    PreprocessingError,
    SettingError,
    TrustError,
    UnknownNameError,
)
from eyechart.models.load import DEMO, expand, load_model
from eyechart.models.nets import CIFAR10_CLASSES
from eyechart.models.preprocessing import Preprocessing

SMALL = Preprocessing(size=(16, 16), resize=16)
CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.body, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))

def bare(num_classes=3):
    return Net(num_classes)

def fixed():
    return Net(3)

def complete():
    net = Net(2)
    net.preprocessing = {"size": 16, "resize": 16}
    net.class_names = ["left", "right"]
    return net

def broken():
    raise RuntimeError("no flour left")

instance = Net()
number = 3
text = lambda: "bread"
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own in the working directory; its name."""
    name = f"bakery_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return name


def fails(kind: type[EyechartError], spec: object, **options: object) -> EyechartError:
    with pytest.raises(kind) as caught:
        load_model(str(spec), **options)
    error = caught.value
    assert type(error) is kind
    assert error.exit_code == (4 if kind is TrustError else 2)
    assert error.setting in str(error)
    assert error.way_out in str(error)
    assert error.way_out
    assert "\n" not in str(error)
    return error


def test_demo() -> None:
    model = load_model("demo")
    assert (model.n_outputs, model.class_names, model.preprocessing.size) == (10, CIFAR10_CLASSES, (32, 32))
    assert model.remarks == ("19 BatchNorm layers folded",)
    assert model.source["arch"] == "eyechart:cifar_resnet20"


def test_loading_leaves_chance_alone(code: str) -> None:
    states = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    load_model("demo")
    load_model(f"{code}:bare", preprocess=SMALL)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


# --- files


def variants(state: dict[str, Tensor]) -> dict[str, object]:
    return {
        "bare": state,
        "enveloped": {"state_dict": state, "epoch": 3},
        "with arguments": {"model": state, "args": argparse.Namespace(lr=0.1)},
        "parallel": {f"module.{k}": v for k, v in state.items()},
        "compiled, parallel": {"model": {f"_orig_mod.module.{k}": v for k, v in state.items()}},
        "half": {k: v.half() for k, v in state.items()},
        "with counters": state | {"bn1.num_batches_tracked": torch.tensor(7)},
    }


@pytest.mark.parametrize("kind", sorted(variants({})))
@pytest.mark.parametrize("suffix", ["pth", "pt", "bin"])
def test_pickled_state_dicts(kind: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"net.{suffix}"
    torch.save(variants(load_file(DEMO))[kind], file)
    model = load_model(str(file), arch="eyechart:cifar_resnet20")
    demo = load_model("demo")
    pixels = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(model(pixels), demo(pixels), rtol=0, atol=0.05 if kind == "half" else 1e-4)
    assert any("float16" in remark for remark in model.remarks) == (kind == "half")
    assert model.class_names == CIFAR10_CLASSES


def test_a_prefix_that_only_some_keys_have_stays(tmp_path: Path) -> None:
    state = dict(load_file(DEMO).items())
    state["module.linear.weight"] = state.pop("linear.weight")
    save_file(state, tmp_path / "net.safetensors")
    error = fails(CheckpointError, tmp_path / "net.safetensors", arch="eyechart:cifar_resnet20")
    assert "1 missing (linear.weight)" in str(error)
    assert "1 not expected (module.linear.weight)" in str(error)


def test_weights_of_another_net(tmp_path: Path) -> None:
    assert "missing" in str(fails(CheckpointError, DEMO, arch="eyechart:cifar_resnet32"))
    assert "not expected" in str(fails(CheckpointError, DEMO, arch="eyechart:resnet4b"))
    state = load_file(DEMO)
    state["conv1.weight"] = torch.zeros(16, 3, 5, 5)
    save_file(state, tmp_path / "net.safetensors")
    error = fails(CheckpointError, tmp_path / "net.safetensors", arch="eyechart:cifar_resnet20")
    assert "conv1.weight is 16x3x5x5 in the file, 16x3x3x3 in the net" in str(error)


def test_the_head_is_sized_by_the_weights(tmp_path: Path, code: str) -> None:
    net = torchvision.models.squeezenet1_1(weights=None, num_classes=7)
    save_file(net.state_dict(), tmp_path / "seven.safetensors")
    model = load_model(str(tmp_path / "seven.safetensors"), arch="torchvision:squeezenet1_1", preprocess=SMALL_SQUEEZE)
    assert model.n_outputs == 7
    assert model.class_names == ()  # never a positional guess
    assert any("built for 7 classes" in remark for remark in model.remarks)
    sizes = {"body.weight": (4, 3, 3, 3), "body.bias": (4,), "fc.weight": (9, 4), "fc.bias": (9,)}
    save_file({key: torch.ones(size) for key, size in sizes.items()}, tmp_path / "nine.safetensors")
    assert load_model("nine.safetensors", arch=f"{code}:bare", preprocess=SMALL).n_outputs == 9
    error = fails(CheckpointError, "nine.safetensors", arch=f"{code}:fixed", preprocess=SMALL)
    assert "9 classes" in str(error)
    assert "num_classes" in error.way_out


SMALL_SQUEEZE = Preprocessing(size=(64, 64))


def test_normalisation_that_published_weights_keep_in_the_net(tmp_path: Path) -> None:
    published = torchvision.models.googlenet(weights=None, init_weights=False, transform_input=True)
    for aux in (True, False):
        state = {k: v for k, v in published.state_dict().items() if aux or not k.startswith("aux")}
        save_file(state, tmp_path / "net.safetensors")
        model = load_model(str(tmp_path / "net.safetensors"), arch="torchvision:googlenet", preprocess=SMALL_SQUEEZE)
        frames = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
        wanted = published.eval()(frames).detach()
        torch.testing.assert_close(model.forward(frames), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_missing_broken_and_nameless_files(tmp_path: Path) -> None:
    arch = {"arch": "eyechart:cifar_resnet20"}
    for suffix in ("safetensors", "pth"):
        fails(CheckpointError, tmp_path / f"absent.{suffix}", **arch)
        for text in (b"", b"version https://git-lfs.github.com/spec/v1\n", DEMO.read_bytes()[:3000]):
            (tmp_path / f"cut.{suffix}").write_bytes(text)
            fails(CheckpointError, tmp_path / f"cut.{suffix}", **arch)
    assert "--arch" in fails(CheckpointError, DEMO).way_out
    torch.save({"epoch": 3, "history": [1.0]}, tmp_path / "empty.pth")
    assert "no state dict" in str(fails(CheckpointError, tmp_path / "empty.pth", **arch))
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    assert "list" in str(fails(CheckpointError, tmp_path / "list.pth", **arch))


def test_pickled_modules_need_trust(tmp_path: Path) -> None:
    file = tmp_path / "whole.pth"
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for content in (net, {"model": net}):
        torch.save(content, file)
        error = fails(TrustError, file, preprocess=SMALL)
        assert "--trust pickle" in error.way_out
        assert "nsupported" in error.problem
        fails(PreprocessingError, file, trust="pickle")
        assert load_model(str(file), trust="pickle", preprocess=SMALL).n_outputs == 4
        assert load_model(str(file), trust="code", preprocess=SMALL).n_outputs == 4
    fails(SettingError, file, trust="blind")


def test_exported_programs_need_trust(tmp_path: Path) -> None:
    file = tmp_path / "net.pt2"
    fails(CheckpointError, file)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    shapes = ({0: torch.export.Dim("n", min=1, max=64)},)
    torch.export.save(torch.export.export(net, (torch.randn(2, 3, 16, 16),), dynamic_shapes=shapes), file)
    for trust in ("none", "pickle"):
        assert "--trust code" in fails(TrustError, file, trust=trust, preprocess=SMALL).way_out
    model = load_model(str(file), trust="code", preprocess=SMALL)
    frames = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(model.forward(frames), net(frames).detach(), rtol=1e-4, atol=1e-5)


# --- the user's own code


def test_own_code(code: str, tmp_path: Path) -> None:
    model = load_model(f"{code}:complete")
    assert (model.class_names, model.preprocessing.size) == (("left", "right"), (16, 16))
    assert load_model(f"{code}:instance", preprocess=SMALL).n_outputs == 3
    (tmp_path / "p.toml").write_text("size = 16\nresize = 20\n")
    assert load_model(f"{code}:bare", preprocess="p.toml").preprocessing.resize == 20


def test_own_code_that_fails(code: str) -> None:
    error = fails(PreprocessingError, f"{code}:bare")
    assert error.setting == "--preprocess"
    assert "mean = [" in error.way_out
    assert "no flour left" in str(fails(SettingError, f"{code}:broken"))
    assert "int" in str(fails(SettingError, f"{code}:number"))
    assert "str" in str(fails(SettingError, f"{code}:text"))
    assert "complete" in fails(UnknownNameError, f"{code}:compleat").way_out
    assert "no_such_bakery" in str(fails(SettingError, "no_such_bakery:bare"))


# --- names


@pytest.mark.parametrize(
    ("spec", "options", "hint"),
    [
        ("torchvision:resnet19", {}, "resnet18"),
        ("torchvision:resnet50/IMAGENET1K_V3", {}, "IMAGENET1K_V2"),
        ("timm:efficientnet_b00", {}, "efficientnet_b0"),
        ("timm:resnet18.a1_in2k", {}, "resnet18.a1_in1k"),
        ("resnet18", {}, "torchvision:resnet18"),
        ("torchvison:resnet18", {}, "torchvision:resnet18"),
        ("dmeo", {}, "demo"),
        ("hf:google/vit", {}, "timm:NAME"),
        ("eyechart:cifar_resnet21", {}, "cifar_resnet20"),
        (str(DEMO), {"arch": "eyechart:resnet20"}, "cifar_resnet20"),
        (str(DEMO), {"arch": "torchvision:resnet19"}, "resnet18"),
        (str(DEMO), {"arch": "timm:resnet_18"}, "resnet18"),
    ],
)
def test_unknown_names(spec: str, options: dict[str, str], hint: str) -> None:
    assert hint in fails(UnknownNameError, spec, **options).way_out


def test_misplaced_settings() -> None:
    assert "demo" in fails(CheckpointError, "eyechart:cifar_resnet20").way_out
    assert "--arch timm:vovnet39a" in fails(CheckpointError, "timm:vovnet39a").way_out
    assert "Leave --arch out" in fails(SettingError, "timm:resnet18", arch="timm:resnet18").way_out


def test_wildcards() -> None:
    found = expand("torchvision:resnet*")
    assert found == [f"torchvision:resnet{n}" for n in (101, 152, 18, 34, 50)]
    assert "timm:resnet18" in expand("timm:resnet1*")
    assert "timm:resnet18.a1_in1k" in expand("timm:resnet18.*")
    assert expand("demo") == ["demo"]
    assert expand("weights[1].pth") == ["weights[1].pth"]
    with pytest.raises(UnknownNameError, match="wildcard"):
        expand("timm:no_such_*")


# --- published weights, through the libraries' own code


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""

    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def test_torchvision_weights_from_the_cache(hub: Path) -> None:
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), hub / "squeezenet1_1-b8a52dc0.pth")
    model = load_model("torchvision:squeezenet1_1")
    seen = model.preprocessing
    assert (seen.size, seen.resize, seen.interpolation, seen.mean[0]) == ((224, 224), 256, "bilinear", 0.485)
    assert (model.class_names[1], model.class_ids[1], len(model.class_names)) == ("goldfish", "n01443537", 1000)
    assert model.source["weights"] == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    named = load_model("torchvision:squeezenet1_1/SqueezeNet1_1_Weights.IMAGENET1K_V1", preprocess=SMALL_SQUEEZE)
    assert named.fingerprint == model.fingerprint


def test_torchvision_offline(hub: Path) -> None:
    error = fails(CheckpointError, "torchvision:squeezenet1_1")
    assert "no network" in str(error)
    assert str(hub) in error.way_out
    assert "squeezenet1_1-b8a52dc0.pth" in error.way_out


def test_without_weights_nothing_is_downloaded(hub: Path) -> None:
    model = load_model("torchvision:squeezenet1_1", preprocess=SMALL_SQUEEZE, weights=False)
    assert list(hub.iterdir()) == []
    assert model.plain is not None
    assert model.plain.layers[0].kind == "convolution"
    assert "Did you mean" in fails(UnknownNameError, "torchvision:squeezenet1_1/IMAGENET1K_V7", weights=False).way_out


def test_timm_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def no_network(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(timm, "create_model", no_network)
    error = fails(CheckpointError, "timm:resnet18.a1_in1k")
    assert "no network" in str(error)
    assert "hub" in error.way_out
    assert "--arch timm:resnet18." in error.way_out


def test_timm_with_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    real = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: real(name))
    model = load_model("timm:test_resnet")
    assert model.preprocessing.size == (160, 160)
    assert (model.class_names[1], model.class_ids[1]) == ("goldfish", "n01443537")


# --- classes


@pytest.fixture
def thousand(tmp_path: Path) -> dict[str, object]:
    file = tmp_path / "thousand.safetensors"
    save_file(torchvision.models.squeezenet1_1(weights=None).state_dict(), file)
    return {"spec": str(file), "arch": "torchvision:squeezenet1_1", "preprocess": SMALL_SQUEEZE}


def test_imagenet_names(thousand: dict[str, object], code: str) -> None:
    model = load_model(**thousand)
    assert (model.class_names[0], model.class_ids[0]) == ("tench", "n01440764")
    assert model.class_ids == tuple(sorted(model.class_ids))
    assert load_model(**thousand, classes="sorted").class_names == ()
    assert load_model(**thousand, outputs="embedding").class_names == ()
    assert "10 outputs" in fails(ClassMapError, "demo", classes="imagenet").way_out


def test_class_files(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("\n".join(f"thing {n}" for n in range(10)) + "\n")
    assert load_model("demo", classes=file).class_names[9] == "thing 9"
    file.write_text("\n".join(f"n{n:08d},thing, {n}" for n in range(10)))
    model = load_model("demo", classes=str(file))
    assert (model.class_names[2], model.class_ids[2]) == ("thing, 2", "n00000002")
    file.write_text("\n".join(f"n{n:08d}\tcrane" for n in range(10)))
    assert load_model("demo", classes=file).class_names[9] == "crane"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\nb\n", "2 class names are given for 10 outputs"),
        ("", "empty"),
        ("a\n\nb\n", "line 2 is empty"),
        ("crane\ncrane\n", "crane is given to two"),
        ("n00000001,a\nb\n", "some have none"),
    ],
)
def test_bad_class_files(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text(text)
    assert says in str(fails(ClassMapError, "demo", classes=file))
    fails(ClassMapError, "demo", classes=tmp_path / "absent.txt")


# --- real weights


@pytest.mark.shared
def test_squeezenet_of_half_precision(shared: Path) -> None:
    model = load_model(str(shared / "imagenet_nets" / "squeezenet1_1.safetensors"), arch="torchvision:squeezenet1_1")
    assert model.class_ids == tuple((shared / "imagenet_samples" / "wnids.txt").read_text().split())
    assert any("float16" in remark for remark in model.remarks)


CifarSheet = Callable[[int], tuple[Tensor, Tensor]]
PUBLISHED = [
    ("resnet20", "cifar_resnet20", 9154),
    ("resnet32", "cifar_resnet32", 9243),
    ("resnet4b_robust", "resnet4b", 7701),
    ("cnn_a_robust", "cnn_a", 5991),
]


@pytest.mark.shared
@pytest.mark.parametrize(("file", "arch", "right"), PUBLISHED)
def test_published_accuracy_on_500(file: str, arch: str, right: int, shared: Path, cifar: CifarSheet) -> None:
    model = load_model(str(shared / "cifar10_nets" / f"{file}.safetensors"), arch=f"eyechart:{arch}")
    images, labels = cifar(0)
    share = float((model(images[:500]).argmax(1) == labels[:500]).double().mean())
    assert share == pytest.approx(right / 9979, abs=4 * (0.25 / 500) ** 0.5 * 0.6)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("file", "arch", "right"), PUBLISHED)
def test_published_accuracy(file: str, arch: str, right: int, shared: Path, cifar: CifarSheet) -> None:
    model = load_model(str(shared / "cifar10_nets" / f"{file}.safetensors"), arch=f"eyechart:{arch}")
    sheets = [cifar(sheet) for sheet in range(10)]
    assert sum(len(labels) for _, labels in sheets) == 9979
    found = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in sheets)
    assert abs(found - right) <= (0 if arch == "cifar_resnet20" else 2)
