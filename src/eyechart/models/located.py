"""Tensors that know where in the picture their units lie, while a net computes with them.

A net is run as it is: its own code is followed by what torch is asked to do, so nothing need be traced, and shapes may depend
on the input. ``dense`` tensors hold the units at every place of the picture instead of every ``stride``-th (the a-trous
algorithm: Holschneider et al., 1989; for nets Azulay & Weiss, JMLR 20(184), 2019): steps with a stride are done without it,
later windows are spread by the product of the strides so far. To the net's code a dense tensor has the size that it expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from eyechart.models.grid import Grid

HIDDEN = "it is hidden from Python"


@dataclass
class Walk:
    """One pass of a net over located tensors.

    Attributes:
        dense: whether tensors hold every place of the picture.
        most_bytes: of a dense tensor, at most; what would be larger is sampled as the net has it.
        sampling: the latest output of a step with a stride, and what it was made of.
    """

    dense: bool = False
    most_bytes: int = 1 << 62
    sampling: tuple[Tensor, Located] | None = None


class Rule(NamedTuple):
    """What a step does to located tensors: the places of its output, and the dense output.

    Attributes:
        grid: of the output.
        dense: computes it, from dense tensors.
        values: how many it has, to be known before it is made.
    """

    grid: Grid
    dense: Callable[[], Any]
    values: int = 0


Rules = Mapping[str, Callable[..., "Rule | str"]]


class Located(Tensor):
    """A tensor, and where in the picture its units lie.

    Attributes:
        grid: None once there are no places left, as after a global pool.
        ended: why there are none.
        walk: the pass that it is part of.
    """

    grid: Grid | None
    ended: str
    walk: Walk

    @classmethod
    def of(cls, values: Tensor, grid: Grid | None, walk: Walk, ended: str = "") -> Located:
        """``values`` on a grid."""
        found = values.as_subclass(cls)
        found.grid, found.walk, found.ended = grid, walk, ended
        return found

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Follow one step."""
        with torch._C.DisableTorchFunctionSubclass():
            return _followed(func, args, kwargs or {})


def as_the_net_has_it(x: Any) -> Any:
    """What the net itself would have: dense tensors are sampled; anything else stays."""
    if not isinstance(x, Located):
        return x
    with torch._C.DisableTorchFunctionSubclass():
        values = x.as_subclass(Tensor)
        if x.grid is None or not x.walk.dense:
            return values
        return sampled(values, x.grid)


def sampled(values: Tensor, grid: Grid) -> Tensor:
    """Every ``stride``-th unit of a dense tensor: r of r2."""
    index = [slice(None)] * values.ndim
    for axis, step in zip(grid.axes, grid.stride, strict=True):
        index[axis] = slice(None, None, step)
    return values[tuple(index)]


def _followed(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    from eyechart.models.located_rules import RULES  # noqa: PLC0415  (it is written in terms of this file)

    name = getattr(func, "__name__", "")
    if name == "__get__":  # of a property
        name = f".{getattr(getattr(func, '__self__', None), '__name__', '')}"
    located = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Located)]
    if not located:  # hidden in a structure of the net's own
        raise RuntimeError(f"{name} is given maps in a way that cannot be followed")
    walk = located[0].walk
    placed = [x for x in located if x.grid is not None]
    if placed:
        rule = _rule(RULES, name, func, args, kwargs)
        if isinstance(rule, Rule) and not (walk.dense and 4 * rule.values > walk.most_bytes):
            found = _placed(rule, func, args, kwargs, walk, located)
            _written(name, args, kwargs, found, "")
            return found
        large = f"{name.strip('_')}(), whose map would take {4 * getattr(rule, 'values', 0) / 2**20:.1f} MB"
        earlier = next((x.ended for x in located if x.ended), "")
        reason = large if isinstance(rule, Rule) else earlier or rule
        if walk.dense and _changes_in_place(name):
            raise RuntimeError(f"{name} changes a dense map in place")
    else:
        reason = next((x.ended for x in located if x.ended), "")
    result = func(*tree_map(as_the_net_has_it, args), **tree_map(as_the_net_has_it, dict(kwargs)))
    found = tree_map(lambda part: _again(part, None, walk, reason, located), result)
    _written(name, args, kwargs, found, reason)
    return found


def _rule(rules: Rules, name: str, func: Callable[..., Any], args: Sequence[Any], kwargs: Any) -> Rule | str:
    """What the step does to places, or what it is where that is unknown."""
    told = f"{name.strip('_')}()" if name else HIDDEN  # scripted code bears no name
    if name not in rules:
        return told
    try:
        return rules[name](func, *args, **kwargs)
    except TypeError:  # arguments that it is not known to take
        return told


def _placed(
    rule: Rule, func: Callable[..., Any], args: Sequence[Any], kwargs: Any, walk: Walk, located: Sequence[Located]
) -> Any:
    """The output of a step that a rule is known for."""
    if walk.dense:
        result = rule.dense()
    else:
        result = func(*tree_map(as_the_net_has_it, args), **tree_map(as_the_net_has_it, dict(kwargs)))
    found = tree_map(lambda part: _again(part, rule.grid, walk, "", located), result)
    source = located[0]
    if isinstance(found, Located) and source.grid and rule.grid.stride != source.grid.stride:
        walk.sampling = found, source
    elif walk.sampling is not None and walk.sampling[0] is found:  # changed in place by what follows
        walk.sampling = None
    return found


def _again(part: Any, grid: Grid | None, walk: Walk, ended: str, located: Sequence[Located]) -> Any:
    """A result as a located tensor; what was changed in place stays the tensor it was."""
    if not isinstance(part, Tensor):
        return part
    if not isinstance(part, Located):
        same = [x for x in located if x.data_ptr() == part.data_ptr() and x.as_subclass(Tensor).shape == part.shape]
        if same and same[0].grid == grid and part.data_ptr() and _one_layout(same[0], part):
            return same[0]
    return Located.of(part.as_subclass(Tensor), grid, walk, ended)


def _written(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], found: Any, ended: str) -> None:
    """A tensor that a step wrote into lies where the result does: the net may go on with either."""
    for target in (*(args[:1] if _changes_in_place(name) else ()), kwargs.get("out")):
        if not isinstance(target, Located) or target is found:
            continue
        if isinstance(found, Located) and found.as_subclass(Tensor).shape == target.as_subclass(Tensor).shape:
            target.grid, target.ended = found.grid, found.ended
        else:
            target.grid, target.ended = None, ended or f"{name.strip('_')}() in place"


def _one_layout(x: Located, part: Tensor) -> bool:
    return x.as_subclass(Tensor).stride() == part.stride() and x.dtype == part.dtype


def _changes_in_place(name: str) -> bool:
    inside = name.startswith("__i") and name not in ("__invert__", "__index__", "__int__")
    return name == "__setitem__" or inside or (name.endswith("_") and not name.endswith("__"))
