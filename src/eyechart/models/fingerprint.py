"""A hash that two models share only if they answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import torch
from torch import Tensor, nn


def fingerprint(module: nn.Module, architecture: str, outputs: str) -> str:
    """Blake2 over every parameter and buffer (name, shape, dtype, bytes), the module's structure and ``outputs``.

    The structure (types of the layers and their plain settings) counts because two nets may share all their weights
    and differ in a stride.

    Returns:
        32 hexadecimal digits; the same on every device and for every memory format.
    """
    digest = blake2b(f"{architecture}\0{outputs}\0".encode(), digest_size=16)
    for line in _structure(module):
        digest.update(f"{line}\0".encode())
    for name, tensor in sorted(_tensors(module)):
        digest.update(f"{name}\0{tuple(tensor.shape)}\0{tensor.dtype}\0".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _structure(module: nn.Module) -> Iterator[str]:
    for name, layer in module.named_modules():
        yield f"{name}={type(layer).__qualname__}"
        for key, value in sorted(vars(layer).items()):
            if not key.startswith("_") and key != "training" and _plain(value):
                yield f"{name}.{key}={value!r}"


def _plain(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str))
