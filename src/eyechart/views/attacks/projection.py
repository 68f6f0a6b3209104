"""Projections onto hyperplanes within the box [0, 1]: exact, batched (Croce & Hein, ICML 2020, arXiv 1907.02044)."""

from __future__ import annotations

import torch

from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.rows import each

IN_CACHE = 2**18  # values
ROUNDS = 100  # each takes in at least one more value at its bound; pictures need about ten


def to_hyperplane(points: torch.Tensor, normals: torch.Tensor, gaps: torch.Tensor, norm: Norm) -> torch.Tensor:
    """The smallest moves d with <normal, d> = gap that stay in the box; as far as the box goes where that is too near.

    Values move together, d_i = s min(L p_i, room_i), with room up to the bound in their direction and pace p = 1 (linf) or
    |w| (l2). What L yields, sum |w_i| min(L p_i, room_i), rises ever more slowly: it is straight between the L at which values
    meet their bounds. So Newton's steps from 0 never pass the root, and end in it: no sorting.

    Args:
        points: (n, d) in [0, 1].
        normals: (n, d).
        gaps: (n,) how much <normal, point> is to change.
        norm: in which moves are small.

    Returns:
        (n, d).
    """
    if points.device.type != "cpu":
        return _moves(points, normals, gaps, norm)
    at_a_time = max(1, IN_CACHE // max(1, points.shape[1]))  # memory is what takes the time
    parts = [slice(start, start + at_a_time) for start in range(0, max(1, len(points)), at_a_time)]
    return torch.cat([_moves(points[part], normals[part], gaps[part], norm) for part in parts])


def _moves(points: torch.Tensor, normals: torch.Tensor, gaps: torch.Tensor, norm: Norm) -> torch.Tensor:
    towards = normals * each(gaps.sign())
    weight = normals.abs()
    room = torch.where(towards > 0, 1 - points, points)
    if norm == "linf":  # every pace is 1
        length = _length(room, weight, weight * room, gaps.abs())
        return towards.sign_().mul_(room.minimum(each(length)))
    ends = (room / weight).nan_to_num_(posinf=0.0)  # L at which each value meets its bound; values of pace 0 never move
    length = _length(ends, weight * weight, weight * room, gaps.abs())
    return towards.sign_().mul_(weight.mul_(each(length)).minimum(room))


def _length(ends: torch.Tensor, gain: torch.Tensor, full: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(n,) the L that yields what is ``wanted``; where nothing does, one at which all values are at their bounds.

    Args:
        ends: (n, d) the L at which each value meets its bound.
        gain, full: (n, d) what each yields for 1 of L while it moves, and in all.
        wanted: (n,).
    """
    most, rising = ends.amax(1), gain.sum(1)
    length = (wanted / rising).where(rising > 0, most).minimum(most)  # as if none met its bound
    for _ in range(ROUNDS):
        free = (ends > each(length)).to(ends.dtype)
        rising = _dot(free, gain)  # what values that still move yield, for each 1 of L
        held = _dot(free.neg_().add_(1), full)
        further = ((wanted - held) / rising).where(rising > 0, most).minimum(most)
        if not (further > length).any():
            break
        length = torch.maximum(further, length)
    return length


def _dot(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(n,) inner products of rows (n, d)."""
    return torch.bmm(one[:, None], other[:, :, None]).flatten()
