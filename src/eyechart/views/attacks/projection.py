"""Projections onto hyperplanes within the box [0, 1]: exact, batched (Croce & Hein, ICML 2020, arXiv 1907.02044)."""

from __future__ import annotations

import torch

from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.rows import each

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
    towards = normals * each(gaps.sign())
    weight = normals.abs()
    room = torch.where(towards > 0, 1 - points, points)
    pace = torch.ones_like(weight) if norm == "linf" else weight
    length = _length(weight, room, pace, gaps.abs())
    return towards.sign_().mul_(pace.mul(each(length)).minimum(room))


def _length(weight: torch.Tensor, room: torch.Tensor, pace: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(n,) the L that yields what is ``wanted``; where nothing does, one at which all values are at their bounds."""
    ends = (room / pace).nan_to_num_(posinf=0.0)  # L at which each value meets its bound; values of pace 0 never move
    gain, full, most = weight * pace, weight * room, ends.amax(1)
    length, free = torch.zeros_like(wanted), torch.ones_like(ends)
    for _ in range(ROUNDS):
        rising = _dot(free, gain)  # what values that still move yield, for each 1 of L
        further = ((wanted - _dot(1 - free, full)) / rising).where(rising > 0, most).minimum(most)
        if not (further > length).any():
            break
        length = torch.maximum(further, length)
        free = (ends > each(length)).to(ends.dtype)
    return length


def _dot(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(n,) inner products of rows (n, d)."""
    return torch.bmm(one[:, None], other[:, :, None]).flatten()
