"""Nets that were treated and saved by us: their files say of what architecture they are, and with which remedies."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from eyechart.errors import CheckpointError, TrustError
from eyechart.models.architectures import architecture_of
from eyechart.models.checkpoint import Trust, broken, read_weights
from eyechart.models.found import Found
from eyechart.models.preprocessing import Preprocessing

SCHEMA = 1
KEY = "eyechart"  # in a safetensors file's header
RECIPE = "eyechart.json"  # in an exported program's archive
LIBRARIES = ("torchvision:", "timm:", "eyechart:")  # architectures that run no code of the user's


def treatment_in(path: Path) -> dict[str, Any] | None:
    """What a safetensors file of a treated net says of it; None for any other. Raises CheckpointError where it is broken."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            told = (file.metadata() or {}).get(KEY)
        found = None if told is None else json.loads(told)
    except (SafetensorError, OSError, ValueError) as error:
        raise broken(path, error) from error
    return found if isinstance(found, dict) and "remedies" in found else None


def treated_in(path: Path, treatment: dict[str, Any], trust: Trust) -> Found:
    """The net in such a file. Raises CheckpointError, and TrustError where its architecture is code of somebody's."""
    arch = str(treatment.get("architecture", ""))
    if not arch.startswith(LIBRARIES) and trust != "code":
        raise TrustError(
            f"The file asks for code to be run: the architecture {arch}.",
            setting="model",
            value=path,
            way_out="If you trust its author, add --trust code.",
        )
    architecture = architecture_of(arch, setting=f"architecture of {path}")
    content, remarks = read_weights(path, trust)
    if isinstance(content, nn.Module):
        raise CheckpointError(
            "No weights are in the file.", setting="model", value=path, way_out="Treat the model again."
        )
    outputs = int(treatment["n_outputs"]) if architecture.takes_classes else None
    # Remedies stand on a floor above; a file may ask for them all the same.
    rebuilt = import_module("eyechart.remedies.treatment").rebuilt
    module = rebuilt(lambda: architecture.build(outputs, content), treatment, content, path)
    seen = Preprocessing.from_dict(treatment["preprocessing"], where=str(path))
    remedies = ", ".join(step["name"] for step in treatment["remedies"])
    told = [f"treated with {remedies}"] if remedies else []
    told += [f"trained by us: {treatment['training']['recipe']['epochs']} epochs"] if "training" in treatment else []
    names = tuple(treatment.get("class_names", ())), tuple(treatment.get("class_ids", ()))
    source = {"weights": path.name, "treatment": treatment}
    return Found(module, arch, lambda: seen, names, architecture.imagenet, source, (*remarks, *told))
