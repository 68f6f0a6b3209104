"""Square: random squares that are kept where they help; no gradients (Andriushchenko et al., ECCV 2020, arXiv 1912.00049)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from eyechart.errors import SettingError, at_least_one
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.contest import Contest, by_attempt
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import margin, wrong
from eyechart.views.attacks.reach import Kept
from eyechart.views.attacks.rows import Shape, confirmed, pictures, rows_of
from eyechart.views.attacks.square_moves import Moves, moves_of
from eyechart.views.attacks.victim import Victim

# Up to which query (counted from 0) the share of the picture is divided by what; the schedule is that of the publication,
# whatever the number of queries.
SCHEDULE = ((10, 1), (50, 2), (200, 4), (500, 8), (1000, 16), (2000, 32), (4000, 64), (6000, 128), (8000, 256))
LAST = 512
DRAWN = 2000  # queries whose random numbers are drawn together


@dataclass(frozen=True)
class Square(Attack):
    """Random search: a square of each query's size at a random place, kept if the margin rises.

    It needs answers alone, so it works on models without gradients. Places and colours are each image's own; the published
    code draws one for the whole batch. Frames that are not square: places are drawn over the whole frame, and the start covers
    it, where the published code warns; squares are at most as large as the shorter side.

    Attributes:
        queries: after the first look at the start, which is not counted.
        share: of the picture's area that the first squares cover.
        restarts: on what withstood those before.
        parity: all images are shown one place and colour at a time (their starts differ).

    Notes: ``queries`` (asked until it broke, or all).
    """

    queries: int = 5000
    share: float = 0.8
    restarts: int = 1
    parity: bool = False
    name: ClassVar[str] = "square"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one(queries=self.queries, restarts=self.restarts)
        if not 0 < self.share <= 1:
            raise SettingError(
                "Squares cover a part of the picture.",
                setting="share",
                value=self.share,
                way_out="Give more than 0 and at most 1.",
            )

    @property
    def label(self) -> str:
        """Short name, as in the literature."""
        return self.name

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return (2 + self.restarts * (self.queries + 1)) * self.ways

    def search(
        self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws, room: int | None = None
    ) -> Found:
        """``room``: how many rows may be asked together; None = as many as there are images."""
        shape, rows = (pixels.shape[1], pixels.shape[2], pixels.shape[3]), rows_of(pixels).contiguous()
        contest = Contest(rows, self.restarts, room or len(rows))
        asked = torch.full((len(rows),), self.restarts * (self.queries + 1), device=rows.device)
        hunt = _Hunt(
            self, victim, contest, shape, draws, moves_of(self.norm, self.eps, shape), room or len(rows), asked
        )
        for image, run in contest.heats():
            hunt.follow(image, run, rows[image], labels[image])
        return Found(pictures(contest.points, shape), {"queries": asked})

    def side(self, height: int, width: int, query: int) -> int:
        """Of the square."""
        divisor = next((by for last, by in SCHEDULE if query <= last), LAST)
        return min(max(round(math.sqrt(self.share / divisor * height * width)), 1), height, width)


def portions(queries: int) -> list[tuple[int, int]]:
    """Queries (first, last + 1) with squares of one size, at most ``DRAWN`` together; a smaller number gives a prefix.

    >>> portions(2500)
    [(0, 11), (11, 51), (51, 201), (201, 501), (501, 1001), (1001, 2001), (2001, 2500)]
    """
    found, at = [], 0
    while at < queries:
        end = next((last + 1 for last, _ in SCHEDULE if at <= last), queries)
        found.append((at, min(at + DRAWN, end, queries)))
        at = found[-1][1]
    return found


@dataclass
class _Trail(Kept):
    """m rows under way.

    Attributes:
        image, run, labels: (m,) whose row this is, which attempt, the label.
        home, now: (m, d) the image, the best point so far.
        margin: (m,) there.
        asked: (m,) queries so far.
        numbers: (m, queries of this portion, k) random.
    """

    image: torch.Tensor
    run: torch.Tensor
    labels: torch.Tensor
    home: torch.Tensor
    now: torch.Tensor
    margin: torch.Tensor
    asked: torch.Tensor
    numbers: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Hunt:
    """The search. ``asked`` (n,): queries until each image broke."""

    how: Square
    victim: Victim
    contest: Contest
    shape: Shape
    draws: Draws
    moves: Moves
    room: int
    asked: torch.Tensor

    def follow(self, image: torch.Tensor, run: torch.Tensor, home: torch.Tensor, labels: torch.Tensor) -> None:
        """All queries of some rows."""
        now = self.moves.start(home, self._numbers(image, run, "start", self.moves.start_numbers, False))
        logits = self.victim.glimpse(pictures(now, self.shape))
        trail = _Trail(image, run, labels, home, now, margin(logits, labels), torch.zeros_like(image), now)
        self._enter(trail, wrong(logits, labels))
        for start, stop in portions(self.how.queries):
            busy = (~self.contest.idle(trail.image, trail.run)).nonzero().flatten()
            trail = trail.keep(busy)
            if not len(busy):
                break
            shape = (stop - start, self.moves.numbers)
            trail.numbers = self._numbers(trail.image, trail.run, f"from {start}", shape, self.how.parity)
            self._portion(trail, start, stop)
        self.contest.offer(trail.image, trail.run, trail.margin, trail.now)

    def _portion(self, trail: _Trail, start: int, stop: int) -> None:
        """Squares of one size. Each row goes on from its own last query, so that none waits for another."""
        side = self.how.side(*self.shape[1:], start)
        while True:
            live = ((trail.asked < stop) & ~self.contest.idle(trail.image, trail.run)).nonzero().flatten()
            if not len(live):
                return
            some = trail if len(live) == len(trail.image) else trail.keep(live)
            self._ask(some, side, start, stop)
            if some is not trail:
                for mine, theirs in zip(_moving(trail), _moving(some), strict=True):
                    mine[live] = theirs

    def _ask(self, some: _Trail, side: int, start: int, stop: int) -> None:
        """Try the next few queries of each row at once, as many as there is room for, and take the first that is better.

        What comes after that would have started from it, so it is not taken and asked anew: the path is that of one by one.
        """
        m, beside = len(some.image), max(1, self.room // len(some.image))
        ahead = torch.arange(beside, device=some.asked.device)
        at = some.asked[:, None] + ahead  # (m, k)
        rows = torch.arange(m, device=at.device)
        numbers = some.numbers[rows[:, None], (at - start).clamp_max(stop - start - 1)]
        tried = self.moves.tried(some.home, some.now, numbers, side)  # (m, k, d)
        logits = self.victim.glimpse(pictures(tried.flatten(0, 1), self.shape))
        labels = some.labels.repeat_interleave(beside)
        margins, missed = margin(logits, labels).view(m, beside), wrong(logits, labels).view(m, beside)
        better = ((margins > some.margin[:, None]) | missed) & (at < stop)
        first = torch.where(better, ahead, beside).amin(1)
        some.asked = (some.asked + first + 1).clamp_max(some.asked + beside).clamp_max(stop)
        took = (first < beside).nonzero().flatten()
        chosen = first[took]
        some.now[took], some.margin[took] = tried[took, chosen], margins[took, chosen]
        claimed = torch.zeros_like(some.labels, dtype=torch.bool)
        claimed[took] = missed[took, chosen]
        self._enter(some, claimed)

    def _enter(self, trail: _Trail, claimed: torch.Tensor) -> None:
        """What broke, and after how many queries."""
        wins = confirmed(self.victim, trail.now, self.shape, claimed, trail.labels)
        self.contest.won(trail.image, trail.run, wins, trail.now)
        at = wins.nonzero().flatten()
        spent = trail.run[at] * (self.how.queries + 1) + trail.asked[at] + 1
        self.asked.scatter_reduce_(0, trail.image[at], spent, "amin")

    def _numbers(
        self, image: torch.Tensor, run: torch.Tensor, what: str, shape: tuple[int, ...], alike: bool
    ) -> torch.Tensor:
        """(m, *shape) uniform on [0, 1[, each image's own or ``alike`` for all."""

        def draw(number: int, images: torch.Tensor) -> torch.Tensor:
            mine = self.draws.of(images)
            own = replace(mine, ids=("",)) if alike else mine
            return own.uniform(f"{number}/{what}", shape).expand(len(images), *shape)

        return by_attempt(image, run, draw).add_(1).div_(2)


def _moving(trail: _Trail) -> tuple[torch.Tensor, ...]:
    return trail.now, trail.margin, trail.asked
