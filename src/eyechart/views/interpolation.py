"""Nets between one checkpoint and another of the same architecture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor, nn

from eyechart.core.weights import Weights
from eyechart.errors import CheckpointError, SettingError, TrustError
from eyechart.models.checkpoint import read_weights

SETTING = "loss_landscape.towards"
_MARK = re.compile(r"#([0-9a-f]{16})$")
_BATCHES = "num_batches_tracked"
_STATISTICS = ("running_mean", "running_var")


def marked(file: str) -> str:
    """``file`` with a digest of what is in it (``net.safetensors#0123456789abcdef``), so that a changed file has another name.

    Raises:
        ValueError: there is no such file.
    """
    if _MARK.search(file):
        return file
    if not Path(file).is_file():
        raise ValueError(f"there is no file {file}")
    return f"{file}#{_digest(Path(file))}"


def unmarked(file: str) -> str:
    """``file`` without the digest."""
    return _MARK.sub("", file)


@dataclass(frozen=True)
class Towards(Weights):
    """The weights (1 - t) w + t w', where w' is another checkpoint: parameters and floating buffers alike.

    At t = 1 these are the other checkpoint's, BatchNorm's statistics included.

    Attributes:
        file: of w', safetensors or a state dict, as ``marked`` names it.
        t: 0 = the net's own, 1 = the other's.
        settle: images to take BatchNorm's statistics anew on; 0 = they lie between those of both.
    """

    file: str
    t: float
    settle: int = 0

    @property
    def settled_on(self) -> int:
        """``settle``."""
        return self.settle

    @classmethod
    def let_go(cls) -> None:
        """Forget what was read."""
        _state.cache_clear()

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        """All parameters and floating buffers that the file holds.

        Raises:
            CheckpointError, TrustError: the file cannot be read, or is not of this architecture.
            SettingError: it has changed since it was named.
        """
        other = _state(self.file)
        _fit(other, parameters, self.file)
        moved = {}
        for name, own in parameters.items():
            if name in other:
                moved[name] = (1 - self.t) * own + self.t * other[name].to(own.device, own.dtype)
        return moved


@lru_cache(maxsize=1)
def _state(file: str) -> Mapping[str, Tensor]:
    """What a marked file holds; the latest is remembered."""
    mark = _MARK.search(file)
    path = Path(unmarked(file))
    try:
        state, _ = read_weights(path, "none")
    except TrustError as error:
        way_out = "Save its state_dict() as safetensors."
        raise TrustError(error.problem, setting=SETTING, value=path, way_out=way_out) from error
    except CheckpointError as error:
        raise CheckpointError(error.problem, setting=SETTING, value=path, way_out=error.way_out) from error
    if mark and _digest(path) != mark.group(1):
        raise SettingError(
            "The other checkpoint has changed since this run was told of it.",
            setting=SETTING,
            value=file,
            way_out=f"Bring the old file back, or name the new one: --set {SETTING}={path}",
        )
    return {} if isinstance(state, nn.Module) else state


def _fit(other: Mapping[str, Tensor], own: Mapping[str, Tensor], file: str) -> None:
    """Raise CheckpointError unless both are of one architecture.

    ``own`` holds a tensor of several names (tied parameters, modules used twice) once, a file under each of them: names whose
    numbers are those of another one are further names.
    """
    needed = [n for n, t in own.items() if isinstance(t, nn.Parameter) or n.endswith(_STATISTICS)]
    floating = [n for n, t in other.items() if t.is_floating_point() and not n.endswith(_BATCHES)]
    missing = [n for n in needed if n not in other]
    held = [other[n] for n in own if n in other]
    extra = [n for n in floating if n not in own and not any(torch.equal(other[n], one) for one in held)]
    shapes = [n for n in own if n in other and own[n].shape != other[n].shape]
    wrong = (("missing", missing), ("not expected", extra), ("of another shape", shapes))
    told = [f"{len(names)} {word} ({', '.join(names[:3])})" for word, names in wrong if names]
    if told:
        raise CheckpointError(
            f"The other checkpoint is not of the model's architecture: {'; '.join(told)}.",
            setting=SETTING,
            value=unmarked(file),
            way_out="Name a checkpoint of the same architecture.",
        )


def _digest(path: Path) -> str:
    state = blake2b(digest_size=8)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()
