"""From what the user writes to a model that can be examined."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import torch
from torch import nn

from eyechart.errors import CheckpointError, PreprocessingError, SettingError, TrustError, UnknownNameError
from eyechart.models.answers import Announced
from eyechart.models.architectures import Architecture, architecture_of
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.checkpoint import State, Trust, fit, head_size, read_weights
from eyechart.models.class_names import resolve_classes
from eyechart.models.dotted import attribute_classes, attribute_preprocessing, can_import
from eyechart.models.found import Found
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.pretrained import PREFIXES, Pretrained, expand, known_models, pretrained
from eyechart.models.private_copy import device_of
from eyechart.models.treated import RECIPE, treated_in, treatment_in

__all__ = ["expand", "load_model", "wrap"]

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo" / "resnet20.safetensors"
STATE_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def load_model(
    spec: str,
    *,
    arch: str | None = None,
    preprocess: str | Path | Preprocessing = "auto",
    classes: str | Path = "auto",
    outputs: Announced = "auto",
    trust: Trust = "none",
    device: str | torch.device = "auto",
    weights: bool = True,
) -> ImageModel:
    """Load the model that ``spec`` names.

    Args:
        spec: ``torchvision:NAME[/WEIGHTS]``, ``timm:NAME``, a weights file (with ``arch``), ``FILE.pt2``,
            ``pkg.module:factory``, or ``demo``.
        arch: ``torchvision:NAME``, ``timm:NAME``, ``eyechart:NAME`` or ``pkg.module:factory``, for a weights file.
        preprocess: ``auto`` (as the weights say), a TOML file, or a Preprocessing.
        classes: ``auto``, ``imagenet``, ``sorted`` (left to the images' folders), or a file with one name a line.
        outputs: ``auto``, ``logits``, ``probabilities`` or ``embedding``.
        trust: ``pickle`` allows pickled modules; ``code`` allows ``.pt2`` too.
        device: ``auto`` = CUDA where there is one.
        weights: False leaves models of torchvision and timm with random weights, and downloads nothing: enough to look at
            their layers.

    Raises:
        UnknownNameError, CheckpointError, PreprocessingError, ClassMapError, ModelOutputError, SettingError: each names
            the way out.
        TrustError: loading could run code, and ``trust`` does not allow it.
    """
    device_of(device)  # before anything is downloaded
    with global_chance_untouched():
        found = _find(spec, arch, trust, weights=weights)
        preprocessing = _preprocessing(preprocess, found, spec)
        model = ImageModel.of(
            found.module,
            preprocessing,
            name=_short_name(spec),
            architecture=found.architecture,
            outputs=outputs,
            device=device,
            source={"spec": spec, "arch": found.architecture, "trust": trust, **found.source},
            remarks=(*found.remarks, *_unnormalised(preprocessing)),
        )
    if model.kind == "embedding" and str(classes) == "auto":
        return model
    names = resolve_classes(classes, found.classes, imagenet=found.imagenet, n_outputs=model.n_outputs)
    return model.with_classes(*names)


def wrap(
    module: nn.Module,
    *,
    preprocessing: Preprocessing,
    class_names: tuple[str, ...] = (),
    name: str | None = None,
    outputs: Announced = "auto",
    device: str | torch.device = "auto",
) -> ImageModel:
    """Examine a module of your own. It is copied; yours stays as it is (mode, hooks, gradients, memory).

    Raises:
        ModelOutputError, ClassMapError, SettingError: as for ``load_model``.
    """
    if not isinstance(module, nn.Module):
        raise SettingError(
            "This is not a model.",
            setting="module",
            value=type(module).__name__,
            way_out="Give an nn.Module, or a name to load_model.",
        )
    name = name or type(module).__name__
    model = ImageModel.of(module, preprocessing, name=name, outputs=outputs, device=device, source={"spec": name})
    return model.with_classes(tuple(class_names))


def _unnormalised(preprocessing: Preprocessing) -> tuple[str, ...]:
    """Leaving mean and std out is easily done, and spoils every figure of a net that was trained with them."""
    if any(preprocessing.mean) or any(value != 1 for value in preprocessing.std):
        return ()
    return ("no mean and std: the net sees pixels in [0, 1] as they are",)


def _short_name(spec: str) -> str:
    """What reports call the model: a file goes by its own name, everything else as it was written."""
    return Path(spec).name if spec.endswith((*STATE_SUFFIXES, ".pt2")) else spec


def _find(spec: str, arch: str | None, trust: Trust, *, weights: bool) -> Found:
    if trust not in ("none", "pickle", "code"):
        raise SettingError(
            "No such level of trust.", setting="--trust", value=trust, way_out="Use none, pickle or code."
        )
    if spec == "demo":
        return _from_file(DEMO, "eyechart:cifar_resnet20", trust)
    if spec.endswith(".pt2"):
        return _from_export(Path(spec), trust)
    if spec.endswith(STATE_SUFFIXES):
        return _from_file(Path(spec), arch, trust)
    if arch is not None:
        way_out = f"Leave --arch out, or name a file ending in {', '.join(STATE_SUFFIXES)}."
        raise SettingError("An architecture belongs to a weights file.", setting="--arch", value=arch, way_out=way_out)
    if spec.startswith(PREFIXES):
        return _from_library(pretrained(spec, weights=weights))
    if spec.startswith("eyechart:"):
        architecture_of(spec)  # a misspelt name is the nearer problem
        way_out = f"Name a weights file and give this as --arch {spec}, or use demo."
        raise CheckpointError("This is an architecture without weights.", setting="model", value=spec, way_out=way_out)
    if _DOTTED.fullmatch(spec) and not _misspelt_library(spec):
        return _from_code(spec)
    raise _unknown(spec)


def _from_library(found: Pretrained) -> Found:
    return Found(found.module, found.architecture, found.preprocessing, found.classes, True, found.source)


def _from_code(spec: str) -> Found:
    architecture = architecture_of(spec, setting="model")
    module = architecture.build(None, {})
    return Found(module, spec, lambda: architecture.preprocessing(module), architecture.classes(module))


def _from_file(path: Path, arch: str | None, trust: Trust) -> Found:
    treatment = treatment_in(path)
    if treatment is not None and arch is None:
        return treated_in(path, treatment, trust)
    content, remarks = read_weights(path, trust)
    source = {"weights": path.name}
    if isinstance(content, nn.Module) and arch is None:
        whole = content
        names = attribute_classes(whole)
        kind = type(whole).__qualname__
        return Found(whole, kind, lambda: attribute_preprocessing(whole), (names, ()), source=source, remarks=remarks)
    if arch is None:
        raise CheckpointError(
            "A file of weights does not say which net they belong to.",
            setting="--arch",
            value="none",
            way_out="Add --arch torchvision:NAME, timm:NAME, eyechart:NAME or pkg.module:factory.",
        )
    architecture = architecture_of(arch)
    if isinstance(content, nn.Module):
        module = content
    else:
        module, resized = _with_head(architecture, content)
        remarks += resized + fit(module, content, path=path, architecture=arch)
    return Found(
        module,
        arch,
        lambda: architecture.preprocessing(module),
        architecture.classes(module),
        architecture.imagenet,
        source,
        remarks,
    )


def _with_head(architecture: Architecture, state: State) -> tuple[nn.Module, tuple[str, ...]]:
    """The net, with as many classes as the weights have where the architecture lets that be chosen."""
    module = architecture.build(None, state)
    own = module.state_dict()
    size = head_size(own, state)
    if size is None:
        return module, ()
    if architecture.takes_classes:
        return architecture.build(size, state), (f"built for {size} classes, as the weights are",)
    raise CheckpointError(
        f"The weights are for {size} classes, and the factory has no num_classes to set.",
        setting="--arch",
        value=architecture.name,
        way_out=f"Let the factory take num_classes, or build the net for {size} classes.",
    )


def _from_export(path: Path, trust: Trust) -> Found:
    if not path.is_file():
        raise CheckpointError(
            "The exported program is not there.", setting="model", value=path, way_out="Check the path."
        )
    if trust != "code":
        raise TrustError(
            "An exported program can run code when it is loaded.",
            setting="model",
            value=path,
            way_out="If you trust its author, add --trust code.",
        )
    ours = {RECIPE: ""}  # in files that we wrote: what pictures and classes the net knows
    try:
        module = torch.export.load(path, extra_files=ours).module()
        recipe = json.loads(ours[RECIPE] or "null")
    except Exception as error:  # a foreign or newer format fails in many ways
        raise CheckpointError(
            f"The exported program cannot be loaded: {type(error).__name__}: {str(error)[:160]}.",
            setting="model",
            value=path,
            way_out="Export it again with this version of torch.",
        ) from error
    if not recipe:
        return Found(module, "exported program", lambda: None, source={"weights": path.name})
    seen = Preprocessing.from_dict(recipe["preprocessing"], where=str(path))
    names = tuple(recipe.get("class_names", ())), tuple(recipe.get("class_ids", ()))
    return Found(module, "exported program", lambda: seen, names, source={"weights": path.name})


def _preprocessing(wish: str | Path | Preprocessing, found: Found, spec: str) -> Preprocessing:
    if isinstance(wish, Preprocessing):
        return wish
    if str(wish) != "auto":
        return Preprocessing.from_file(wish)
    known = found.preprocessing()
    if known is None:
        raise PreprocessingError(
            f"Nothing says how a picture becomes the input of {spec}.",
            setting="--preprocess",
            value="auto",
            way_out=f"Give --preprocess FILE.toml such as: {Preprocessing.EXAMPLE}",
        )
    return known


def _misspelt_library(spec: str) -> bool:
    """Whether ``spec`` begins like ``torchvison:`` rather than with a module that is there."""
    package = spec.partition(":")[0].partition(".")[0]
    near = difflib.get_close_matches(package, ("torchvision", "timm"), cutoff=0.7)
    return bool(near) and not can_import(package)


def _unknown(spec: str) -> UnknownNameError:
    _, _, name = spec.rpartition(":")
    known = ["demo", *known_models()]
    same = [model for model in known if model.partition(":")[2] == name]
    hint = "A model is demo, torchvision:NAME, timm:NAME, a weights file with --arch, or pkg.module:factory."
    return UnknownNameError.of(same[0] if same else spec, known, setting="model", hint=hint)
