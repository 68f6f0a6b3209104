"""The net as its author made it, to be asked with other weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from eyechart.models.fold import Pair, refold, refolded
from eyechart.models.layers import Layer, layers_of


@dataclass(frozen=True, eq=False)
class PlainNet:
    """A net before folding, and how it was folded.

    Attributes:
        net: private, eval mode, without gradients.
        pairs: folded in the net that is asked; empty if it is this one.
        convolutions: names of the convolutions' kernels, in the order in which the net first uses them.
        layers: the steps it takes, in their order.
    """

    net: nn.Module
    pairs: tuple[Pair, ...]
    convolutions: tuple[str, ...]
    layers: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, net: nn.Module, pairs: tuple[Pair, ...], run: Callable[..., object]) -> PlainNet:
        """Watch ``net`` answer by ``run``; see ``layers_of``."""
        return cls(net, pairs, _in_order(net, run), layers_of(net, run))

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Parameters (``nn.Parameter``) and floating buffers (such as BatchNorm's statistics), by dotted name."""
        return {name: _shared(t) for name, t in _tensors(self.net, once=True)}

    def altered(
        self,
        change: Callable[[dict[str, torch.Tensor], tuple[str, ...]], dict[str, torch.Tensor]],
        settle: Callable[[nn.Module], None] = lambda _: None,
        into: nn.Module | None = None,
    ) -> nn.Module:
        """A folded net with the tensors that ``change`` gives back; ``settle`` is shown it before it is folded.

        Args:
            change: gives tensors by name, of those it is given and the names of the kernels.
            settle: may take BatchNorm's statistics anew.
            into: an earlier net of this kind that is needed no more: it is written over and given back, where that is possible.

        Raises:
            ValueError: names or shapes are not its own.
        """
        with torch.inference_mode(False), torch.no_grad():
            own = self.tensors
            new = change(dict(own), self.convolutions)
            for name, value in new.items():
                if name not in own or own[name].shape != value.shape:
                    raise ValueError(f"the net has no parameter {name} of shape {tuple(value.shape)}")
            net = self._other
            try:
                _write({**own, **new}, net)
                _refresh(net)
                settle(net)
            except BaseException:  # half settled: the next change starts from a fresh copy
                self.tidy()
                raise
            if into is None or not _alike(into, self.pairs):
                return refolded(copy.deepcopy(net), self.pairs)
            joined = tuple(f"{pair.layer}." for pair in self.pairs)
            _write({name: t for name, t in _tensors(net) if not name.startswith(joined)}, into)
            refold(net, self.pairs, into)
            _refresh(into)
            return into

    def tidy(self) -> None:
        """Let go of the copy that changes are made on; the next change makes another."""
        self.__dict__.pop("_other", None)

    @cached_property
    def _other(self) -> nn.Module:
        """A copy before folding, that takes on each change in turn."""
        return copy.deepcopy(self.net)


def _tensors(net: nn.Module, once: bool = False) -> Iterator[tuple[str, torch.Tensor]]:
    """By name; what has several names under all of them, or ``once`` under the first."""
    yield from net.named_parameters(remove_duplicate=once)
    yield from ((name, t) for name, t in net.named_buffers(remove_duplicate=once) if t.is_floating_point())


def _shared(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers under a name of their own, still known as a parameter if they are one."""
    plain = tensor.detach()
    return nn.Parameter(plain, requires_grad=False) if isinstance(tensor, nn.Parameter) else plain


def _write(tensors: Mapping[str, torch.Tensor], net: nn.Module) -> None:
    """Copy numbers into the tensors of these names that ``net`` has."""
    places = dict(_tensors(net))
    for name, value in tensors.items():
        if name in places:
            places[name].copy_(value)


def _refresh(net: nn.Module) -> None:
    """Let modules drop what they keep of their weights while they only answer.

    Those that keep something (such as timm's attention biases, laid out once) let go of it when they are set to training, in a
    ``train`` of their own. All modes are as before in the end.
    """
    modes = {module: module.training for module in net.modules()}
    for module, mode in modes.items():
        if type(module).train is not nn.Module.train:
            module.train()
            module.train(mode)
    for module, mode in modes.items():
        module.training = mode


def _alike(folded: nn.Module, pairs: Sequence[Pair]) -> bool:
    """Whether its tensors bear the names they had before folding: what follows a norm, in its place, may have weights."""
    placed = tuple(f"{pair.norm}." for pair in pairs)
    return not any(name.startswith(placed) for name, _ in _tensors(folded))


def _in_order(net: nn.Module, run: Callable[[nn.Module], object]) -> tuple[str, ...]:
    met: dict[str, None] = {}
    layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d)}

    def meet(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            met[f"{name}.weight"] = None

        return hook

    handles = [module.register_forward_pre_hook(meet(name)) for name, module in layers.items()]
    try:
        run(net)
    finally:
        for handle in handles:
            handle.remove()
    own = dict(net.named_parameters())  # not those that are computed, as by weight normalisation
    return tuple(name for name in met if name in own)
