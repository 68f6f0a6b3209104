"""Treating a model with several remedies, and keeping the result so that it loads again by itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from eyechart.core.catalogue import make_remedies
from eyechart.core.remedy import Patient, Remedy
from eyechart.errors import CheckpointError, SettingError
from eyechart.models.checkpoint import State, fit
from eyechart.models.cost import multiply_adds
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.treated import KEY, SCHEMA


@dataclass(frozen=True, eq=False)
class Treatment:
    """A treated net and how it came about.

    Attributes:
        net: unfolded, in evaluation mode.
        recipe: plain data, enough to build the net again and load its weights.
        done, refused: by remedy, plain lines.
        cost: multiply-adds of one frame before and after, see ``multiply_adds``.
    """

    net: nn.Module
    recipe: Mapping[str, Any]
    done: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, tuple[str, ...]]
    cost: tuple[int, int] = (0, 0)

    def costs(self) -> str:
        """What one frame costs now, in words."""
        before, after = (max(1, n) / 1e9 for n in self.cost)
        return f"One frame takes {after:.3g} billion multiply-adds, {after / before:.2f} times the {before:.3g} before."

    def save(self, path: Path) -> None:
        """Write weights and recipe into one safetensors file, and the recipe beside it as JSON for people to read.

        Raises:
            SettingError: it cannot be written, or the net could not be built again.
        """
        if not self.recipe["architecture"]:
            raise SettingError(
                "The model's architecture has no name by which it could be built again.",
                setting="model",
                value=type(self.net).__name__,
                way_out="Load it with its name: load_model(FILE, arch='pkg.module:factory').",
            )
        state = {name: value.detach().cpu().contiguous().clone() for name, value in self.net.state_dict().items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            save_file(state, draft, {KEY: json.dumps(self.recipe)})
            draft.replace(path)
            write_recipe(path, self.recipe, self)
        except OSError as error:
            raise SettingError(
                f"The treated model cannot be written: {error}.",
                setting="--out",
                value=path,
                way_out="Choose another file.",
            ) from error

    def is_in(self, path: Path) -> bool:
        """Whether a file holds these weights and this recipe."""
        try:
            with safe_open(path, framework="pt") as held:
                recipe = json.loads((held.metadata() or {}).get(KEY, "null"))
                state = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        except (OSError, ValueError, SafetensorError):
            return False
        own = self.net.state_dict()
        same = recipe == json.loads(json.dumps(self.recipe)) and state.keys() == own.keys()
        return same and all(torch.equal(value, own[name].cpu()) for name, value in state.items())


def write_recipe(path: Path, recipe: Mapping[str, Any], found: Treatment | None) -> None:
    """For people to read, FILE.json beside a model's file: its recipe, and what was done, what was left and what it costs."""
    told = {} if found is None else {"done": dict(found.done), "refused": dict(found.refused), "cost": found.cost}
    path.with_suffix(".json").write_text(json.dumps({**recipe, **told}, indent=1) + "\n", encoding="utf-8")


def treat(
    model: ImageModel, remedies: Sequence[Remedy], frames: Tensor | None = None, labels: Tensor | None = None
) -> Treatment:
    """Treat a model with one remedy after another; the model itself stays as it is.

    Args:
        model: with a net of its own.
        remedies: in this order, but those in front of the net after those within it.
        frames: (n, c, h, w) float32 in [0, 1], of unlabelled images to calibrate on.
        labels: (n,) int64 of these as output numbers, -1 = unknown.

    Raises:
        SettingError: a remedy finds nothing to treat, or needs images.
    """
    if model.plain is None:
        raise SettingError("There is no network to treat.", setting="model", value=model.name, way_out="Give a model.")
    net = copy.deepcopy(model.plain.net)
    frame = torch.zeros(1, model.preprocessing.channels, *model.preprocessing.size, device=model.device)
    before = multiply_adds(net, frame)
    shown = None if frames is None else normalised(frames, model.preprocessing)
    after = operated(Patient(net, model.preprocessing, shown, labels), remedies)
    earlier = model.source.get("treatment", {})
    recipe = {
        "schema": SCHEMA,
        "architecture": str(model.source.get("arch", "")),
        "outputs": model.outputs,
        "n_outputs": model.n_outputs,
        "preprocessing": model.preprocessing.to_dict(),
        "class_names": list(model.class_names),
        "class_ids": list(model.class_ids),
        "of": model.fingerprint,
        **earlier,
        "remedies": [*earlier.get("remedies", []), *after.steps],
    }
    cost = before, multiply_adds(after.net, frame)
    return Treatment(after.net, recipe, after.done, after.refused, cost)


@dataclass(frozen=True, eq=False)
class Operated:
    """A net after its remedies.

    Attributes:
        net: in evaluation mode.
        steps: name and settings of each remedy, enough to do it again without images.
        done, refused: by remedy, plain lines.
    """

    net: nn.Module
    steps: tuple[Mapping[str, Any], ...]
    done: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, tuple[str, ...]]


def operated(patient: Patient, remedies: Sequence[Remedy]) -> Operated:
    """One remedy after another on a net, which is changed in place. Raises SettingError, see ``treat``.

    In the order given, but for their ``place``.
    """
    net = patient.net.eval()
    done: dict[str, tuple[str, ...]] = {}
    refused: dict[str, tuple[str, ...]] = {}
    steps: list[Mapping[str, Any]] = []
    for remedy in sorted(remedies, key=lambda r: r.place):
        if remedy.needs_images and patient.frames is None:
            way_out = "Give --images; they need no labels."
            raise SettingError(f"{remedy.title} needs images.", setting="--with", value=remedy.name, way_out=way_out)
        found = remedy.treat(replace(patient, net=net))
        net = found.net.eval()
        again = 1 + sum(step["name"] == remedy.name for step in steps)
        name = remedy.name if again == 1 else f"{remedy.name} ({again})"
        done[name], refused[name] = found.done, found.refused
        steps.append({"name": remedy.name, "settings": remedy.settled(found.settled).model_dump(mode="json")})
    return Operated(net, tuple(steps), done, refused)


def normalised(frames: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Pixels in [0, 1] as the net sees them."""
    mean, std = (
        torch.tensor(v, device=frames.device).view(1, -1, 1, 1) for v in (preprocessing.mean, preprocessing.std)
    )
    return (frames - mean) / std


def rebuilt(build: Any, recipe: Mapping[str, Any], state: State, path: Path) -> nn.Module:
    """The treated net that a recipe tells of, with its weights.

    Args:
        build: gives the untreated net, with random weights.
        recipe: as ``Treatment.recipe``.
        state: of the treated net.
        path: of the file, for messages.

    Raises:
        CheckpointError: the recipe is of a later version, or the weights do not fit.
    """
    if recipe.get("schema") != SCHEMA:
        raise CheckpointError(
            "The file was written by another version of eyechart.",
            setting="model",
            value=path,
            way_out="Treat the model again with this version, or install that one.",
        )
    preprocessing = Preprocessing.from_dict(dict(recipe["preprocessing"]), where=str(path))
    net: nn.Module = build().eval()
    for step in recipe["remedies"]:
        (remedy,) = make_remedies([step["name"]], {step["name"]: step["settings"]})
        net = remedy.treat(Patient(net, preprocessing)).net.eval()
    fit(net, state, path=path, architecture=f"{recipe['architecture']}, treated")
    return net
