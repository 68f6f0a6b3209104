"""What Square tries: squares of another colour (linf), energy moved from one square to another (l2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.rows import Shape, each, sizes

TINY = 1e-12


@dataclass(frozen=True)
class Recolour:
    """Within linf: a square is moved by 2 eps up or down in each channel, and what leaves the ball is cut off.

    Attributes:
        eps: of the ball.
        shape: of the pictures.
    """

    eps: float
    shape: Shape

    @property
    def start_numbers(self) -> tuple[int, int]:
        """Of one start: a sign for each column and channel."""
        return self.shape[2], self.shape[0]

    @property
    def numbers(self) -> int:
        """Of one query: row, column, a sign for each channel."""
        return 2 + self.shape[0]

    def start(self, home: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """(m, d) upright stripes around pictures (m, d)."""
        stripes = self.eps * _signs(numbers)[:, None].expand(-1, self.shape[1], -1, -1)
        return (home + stripes.flatten(1)).clamp_(0, 1)

    def tried(self, home: torch.Tensor, now: torch.Tensor, numbers: torch.Tensor, side: int) -> torch.Tensor:
        """(m, k, d): k queries each, all from ``now`` (m, d); ``numbers`` (m, k, .) uniform on [0, 1[."""
        where = window(numbers[..., :2], side, self.shape)
        around = _read(home, where)
        colour = 2 * self.eps * _signs(numbers[..., 2:])[:, :, None]
        inside = (_read(now, where) + colour).clamp_(around - self.eps, around + self.eps).clamp_(0, 1)
        tried = now[:, None].repeat(1, numbers.shape[1], 1)
        return tried.scatter_(2, where.flatten(2), inside.flatten(2))


@dataclass(frozen=True)
class Reshape:
    """Within l2: one square's change is taken away, and its energy goes into another's, in a bump of two halves.

    Attributes:
        eps: of the ball.
        shape: of the pictures.
    """

    eps: float
    shape: Shape

    @property
    def tile(self) -> int:
        """Side of the tiles of the start."""
        return max(1, min(self.shape[1:]) // 5)

    @property
    def start_numbers(self) -> tuple[int, int, int]:
        """Of one start: for each tile whether it lies on its side, and a sign for each channel."""
        channels, height, width = self.shape
        return height // self.tile, width // self.tile, 1 + channels

    @property
    def numbers(self) -> int:
        """Of one query: two places, whether the bump lies on its side, a sign for each channel."""
        return 5 + self.shape[0]

    def start(self, home: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """(m, d) tiles of bumps around pictures (m, d); what is left over beside whole tiles is halved."""
        (channels, height, width), (m, down, across, _), t = self.shape, numbers.shape, self.tile
        bumps = _bumps(numbers[..., 0], t).view(m, down, across, t, t, 1) * _signs(numbers[..., None, None, 1:])
        tiled = bumps.permute(0, 1, 3, 2, 4, 5).reshape(m, down * t, across * t, channels)
        moved, top, left = (
            home.new_zeros(m, height, width, channels),
            (height - down * t) // 2,
            (width - across * t) // 2,
        )
        moved[:, top : top + down * t, left : left + across * t] = tiled
        return self._shown(home, moved.flatten(1))

    def tried(self, home: torch.Tensor, now: torch.Tensor, numbers: torch.Tensor, side: int) -> torch.Tensor:
        """(m, k, d): k queries each, all from ``now`` (m, d); ``numbers`` (m, k, .) uniform on [0, 1[."""
        side, (m, k, _) = self._odd(side), numbers.shape
        into, out_of = (window(numbers[..., a : a + 2], side, self.shape) for a in (0, 2))
        moved = (now - home)[:, None].repeat(1, k, 1)
        unused = self.eps**2 - moved[:, 0].square().sum(1).clamp_max(self.eps**2)  # (m,)
        old = moved.gather(2, into.flatten(2)).view_as(into)
        energy = old.square().sum(2)  # (m, k, c)
        moved.scatter_(2, into.flatten(2), 0.0)
        energy = energy + moved.gather(2, out_of.flatten(2)).view_as(out_of).square().sum(2)
        moved.scatter_(2, out_of.flatten(2), 0.0)
        new = _unit(old) + _bumps(numbers[..., 4], side).flatten(2)[..., None] * _signs(numbers[..., None, 5:])
        size = (unused.view(m, 1, 1) / self.shape[0] + energy).sqrt()
        moved.scatter_(2, into.flatten(2), (_unit(new) * size[:, :, None]).flatten(2))
        return self._shown(home.repeat_interleave(k, 0), moved.flatten(0, 1)).view(m, k, -1)

    def _odd(self, side: int) -> int:
        """Side of the squares: odd, 3 or more, within the picture."""
        side = max(side, 3)
        return min(side + 1 - side % 2, *self.shape[1:])

    def _shown(self, home: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        return moved.mul_(each(self.eps / (sizes(moved, "l2") + TINY))).add_(home).clamp_(0, 1)


Moves = Recolour | Reshape


def moves_of(norm: Norm, eps: float, shape: Shape) -> Moves:
    """Those of a norm."""
    return Recolour(eps, shape) if norm == "linf" else Reshape(eps, shape)


def window(corner: torch.Tensor, side: int, shape: Shape) -> torch.Tensor:
    """(m, k, side * side, c) places in a row of the values of squares; ``corner`` (m, k, 2) uniform on [0, 1[.

    As published, the last row and column at which a square would fit are not drawn.
    """
    channels, height, width = shape
    top, left = (
        (corner[..., a] * (extent - side)).long().clamp_max_(max(0, extent - side))
        for a, extent in ((0, height), (1, width))
    )
    line = torch.arange(side, device=corner.device)
    inside = ((line[:, None] * width + line).flatten()[:, None] * channels) + torch.arange(
        channels, device=corner.device
    )
    return ((top * width + left) * channels)[..., None, None] + inside


@cache
def bump(side: int) -> tuple[tuple[float, ...], ...]:
    """Two halves of opposite sign, each a pile of centred rectangles: the pattern eta of the publication, of length 1."""
    upper, lower = _pile(side // 2, side), _pile(side - side // 2, side)
    pattern = torch.cat([upper, -lower])
    return tuple(map(tuple, (pattern / pattern.norm()).tolist()))


def _pile(height: int, width: int) -> torch.Tensor:
    """(height, width) rectangles around the centre, the i-th weighted 1 / (i + 1)^2, of length 1."""
    down = (torch.arange(height, dtype=torch.float64) - height // 2).abs()[:, None]
    across = (torch.arange(width, dtype=torch.float64) - width // 2).abs()
    ring = torch.maximum(down, across)  # the first rectangle that covers a place
    weights = 1 / (torch.arange(max(height, width) // 2 + 1, dtype=torch.float64) + 1).square()
    pile = weights.flip(0).cumsum(0).flip(0)[ring.long()]  # all rectangles from that one on
    return pile / pile.norm() if height else pile


def _bumps(number: torch.Tensor, side: int) -> torch.Tensor:
    """(..., side, side): upright or, where ``number`` (...) is above 1/2, on its side."""
    upright = torch.tensor(bump(side), dtype=torch.float32, device=number.device)
    return torch.where(number[..., None, None] > 0.5, upright.T, upright)


def _signs(numbers: torch.Tensor) -> torch.Tensor:
    return torch.where(numbers < 0.5, -1.0, 1.0)


def _read(rows: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """(m, k, area, c) of rows (m, d)."""
    return rows.gather(1, where.flatten(1)).view(where.shape)


def _unit(windows: torch.Tensor) -> torch.Tensor:
    """Windows (m, k, area, c) at length 1 in each channel."""
    return windows / (windows.square().sum(2, keepdim=True).sqrt() + TINY)
