"""Weights files: read as data, then fitted to an architecture."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from eyechart.errors import CheckpointError, TrustError

Trust = Literal["none", "pickle", "code"]
State = dict[str, Tensor]

ENVELOPES = ("state_dict", "model", "model_state_dict", "net", "state_dict_ema", "model_ema")
PREFIXES = ("module.", "_orig_mod.")
# Plain data that training scripts keep beside the weights; loading them runs nothing.
HARMLESS: list[Any] = [argparse.Namespace]


def read_weights(path: Path, trust: Trust) -> tuple[State | nn.Module, tuple[str, ...]]:
    """The state dict in ``path``, or the whole module if it holds one and ``trust`` allows pickle; and remarks.

    Envelopes such as ``{"state_dict": ...}`` are opened, prefixes of wrappers taken off.

    Raises:
        CheckpointError: missing, broken, or without tensors.
        TrustError: reading it could run code, and ``trust`` does not allow that.
    """
    if not path.is_file():
        raise CheckpointError("The weights file is not there.", setting="model", value=path, way_out="Check the path.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, trust)
    if isinstance(content, nn.Module):
        return content, ("whole module taken from a pickle",)
    return _state_in(content, path)


def fit(module: nn.Module, state: State, *, path: Path, architecture: str) -> tuple[str, ...]:
    """Load ``state`` into ``module``; every tensor must have its place and shape (BatchNorm's batch counters excepted).

    Returns:
        Remarks, such as a number format that was widened.

    Raises:
        CheckpointError: naming the first few keys that do not fit.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    extra = [key for key in state if key not in own and not key.endswith("num_batches_tracked")]
    shapes = [
        f"{key} is {_size(state[key])} in the file, {_size(own[key])} in the net" for key in differing(own, state)
    ]
    if missing or extra or shapes:
        found = [_some("missing", missing), _some("not expected", extra), _some("of another shape", shapes)]
        raise CheckpointError(
            f"The weights do not fit {architecture}: {'; '.join(filter(None, found))}.",
            setting="model",
            value=path,
            way_out="Name the architecture the weights were trained with by --arch.",
        )
    module.load_state_dict({key: value for key, value in state.items() if key in own}, strict=False)
    kinds = sorted(
        {str(v.dtype)[6:] for k, v in state.items() if v.is_floating_point() and v.dtype != own_type(own, k)}
    )
    return (f"weights stored as {', '.join(kinds)}, used as float32",) if kinds else ()


def own_type(own: Mapping[str, Tensor], key: str) -> torch.dtype:
    """Number format of ``key`` in the net; float32 where it has none."""
    return own[key].dtype if key in own else torch.float32


def differing(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """Keys in both whose shapes differ, in the net's order."""
    return [key for key, value in own.items() if key in state and state[key].shape != value.shape]


def head_size(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> int | None:
    """The number of classes of ``state`` if that, and nothing else, sets its shapes apart from those of ``own``."""
    keys = differing(own, state)
    if not keys or any(own[key].shape[1:] != state[key].shape[1:] or not own[key].ndim for key in keys):
        return None
    sizes = {(own[key].shape[0], state[key].shape[0]) for key in keys}
    return sizes.pop()[1] if len(sizes) == 1 else None


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise broken(path, error) from error


def _read_pickle(path: Path, trust: Trust) -> object:
    try:
        if trust != "none":
            return torch.load(path, map_location="cpu", weights_only=False)
        with torch.serialization.safe_globals([*torch.serialization.get_safe_globals(), *HARMLESS]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, AttributeError, ImportError) as error:
        if trust == "none" and _refused(error, path):
            raise TrustError(
                f"The file holds more than tensors, and reading it could run code: {_reason(error)}",
                setting="model",
                value=path,
                way_out="Save its state_dict() as safetensors, or, if you trust its author, add --trust pickle.",
            ) from error
        raise broken(path, error) from error


def _refused(error: Exception, path: Path) -> bool:
    """Whether torch turned down what it read, rather than failed to read it."""
    with path.open("rb") as file:
        start = file.read(2)
    pickled = start == b"PK" or start[:1] == pickle.PROTO  # torch's archives, and bare pickles
    return "TorchScript" in str(error) or (pickled and isinstance(error, pickle.UnpicklingError))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    start = max(text.find("Unsupported"), text.find("WeightsUnpickler error:"), 0)
    return f"{text[start : start + 140].rstrip('.')}."


def broken(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that cannot be read."""
    return CheckpointError(
        f"The weights file cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:160]}.",
        setting="model",
        value=path,
        way_out="Check that it was copied whole (git LFS pointers and cut downloads look like this).",
    )


def _state_in(content: object, path: Path) -> tuple[State | nn.Module, tuple[str, ...]]:
    remarks: tuple[str, ...] = ()
    while isinstance(content, Mapping):
        inner = next((key for key in ENVELOPES if isinstance(content.get(key), (Mapping, nn.Module))), None)
        if inner is None:
            break
        content, remarks = content[inner], (*remarks, f"weights taken from {inner!r} in the file")
    if isinstance(content, nn.Module):
        return content, remarks
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        raise CheckpointError(
            f"The file holds no state dict but a {type(content).__name__}.",
            setting="model",
            value=path,
            way_out=f"Save module.state_dict(), bare or under one of {', '.join(ENVELOPES)}.",
        )
    return _bare(tensors), remarks


def _bare(state: State) -> State:
    """Take off prefixes that every key has."""
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in state)), ""):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _some(word: str, items: list[str], most: int = 3) -> str:
    if not items:
        return ""
    return f"{len(items)} {word} ({', '.join(items[:most])}{', ...' if len(items) > most else ''})"
