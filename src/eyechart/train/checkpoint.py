"""Checkpoints: weights, optimiser and place, in one file that is there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from eyechart.store.folder import Folder

KEPT = 2  # the last few


@dataclass(frozen=True)
class Checkpoint:
    """Where training stands.

    Attributes:
        epoch: epochs finished.
        net: parameters and buffers.
        mean: the running mean of weights, if one is kept.
        optimiser: ``Optimizer.state_dict()``.
    """

    epoch: int
    net: Mapping[str, Tensor]
    mean: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]


def name_of(epoch: int) -> str:
    """Of the file after so many epochs."""
    return f"checkpoints/epoch-{epoch:05d}.safetensors"


def write(folder: Folder, found: Checkpoint, identity: str) -> None:
    """Write a checkpoint whole, then remove those before the last few. ``identity``: of the training.

    Files of later epochs stay: another training's, or damaged ones, which are never counted in place of this one's.
    """
    tensors = {f"net/{k}": v for k, v in found.net.items()} | {f"mean/{k}": v for k, v in found.mean.items()}
    plain: dict[str, dict[str, Any]] = {}
    for number, values in found.optimiser["state"].items():
        for key, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser/{number}/{key}"] = value
            else:
                plain.setdefault(str(number), {})[key] = value
    about = {
        "epoch": found.epoch,
        "identity": identity,
        "groups": found.optimiser["param_groups"],
        "plain": plain,
    }
    # Shared tensors are written once for each name: safetensors holds no aliases.
    held = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    own = name_of(found.epoch)
    folder.write(own, save(held, {"eyechart": json.dumps(about)}))
    for old in [name for name in map("checkpoints/{}".format, _names(folder)) if name <= own][:-KEPT]:
        folder.remove(old)


def epochs_kept(folder: Folder) -> int:
    """Epochs that the newest file says are finished; 0 without one."""
    names = _names(folder)
    return int(names[-1].removeprefix("epoch-").split(".")[0]) if names else 0


def identities(folder: Folder) -> set[str]:
    """Of the trainings whose checkpoints lie here and can be read."""
    found = set()
    for name in _names(folder):
        try:
            found.add(str(_about(folder.read(f"checkpoints/{name}") or b"")["identity"]))
        except (ValueError, KeyError):
            continue
    return found


def newest(folder: Folder, identity: str) -> Checkpoint | None:
    """The newest checkpoint of this training that can be read; a damaged one is passed over."""
    for name in reversed(_names(folder)):
        data = folder.read(f"checkpoints/{name}")
        found = None if data is None else _opened(data, identity)
        if found is not None:
            return found
    return None


def _names(folder: Folder) -> list[str]:
    return [name for name in folder.names("checkpoints") if name.startswith("epoch-")]


def _opened(data: bytes, identity: str) -> Checkpoint | None:
    try:
        tensors, about = load(data), _about(data)
    except (SafetensorError, ValueError, KeyError):
        return None
    if about["identity"] != identity:
        return None
    state: dict[int, dict[str, Any]] = {int(n): dict(values) for n, values in about["plain"].items()}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, number, key = name.split("/", 2)
            state.setdefault(int(number), {})[key] = value
    optimiser = {"state": state, "param_groups": about["groups"]}
    return Checkpoint(about["epoch"], _under("net/", tensors), _under("mean/", tensors), optimiser)


def _about(data: bytes) -> dict[str, Any]:
    """What ``write`` said: safetensors' header is JSON, its length in the first eight bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about: dict[str, Any] = json.loads(header["__metadata__"]["eyechart"])
    return about


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def digest(state: Mapping[str, Tensor]) -> str:
    """Of parameters and buffers, bit for bit."""
    found = blake2b(digest_size=8)
    for name in sorted(state):
        # A copy laid out row by row: 1 x 1 kernels in channels_last count as contiguous, and yet cannot be seen as bytes.
        value = state[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        found.update(name.encode())
        found.update(
            value.flatten().view(torch.uint8).numpy().tobytes()
            if value.numel() and value.ndim
            else repr(value).encode()
        )
    return found.hexdigest()
