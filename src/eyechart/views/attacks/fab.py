"""FAB: along the boundary to its nearest point (Croce & Hein, ICML 2020, arXiv 1907.02044)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from eyechart.views.attacks.apgd import ranked
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.contest import Contest
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import lead
from eyechart.views.attacks.projection import to_hyperplane
from eyechart.views.attacks.reach import Kept, on_the_edge
from eyechart.views.attacks.rows import Shape, confirmed, each, pictures, rows_of, sizes
from eyechart.views.attacks.victim import Victim

LEAST = 1e-8  # norms of moves are at least this


@dataclass(frozen=True)
class FABT(Attack):
    """Steps to the linearised boundary towards one other class, drawn to the image; then the same for the next class.

    It looks for the nearest wrong point, whatever ``eps`` is. The first restart starts at the image: no chance is involved.

    Attributes:
        targets: how many classes, the likeliest first; all others where there are fewer.
        steps: of each target and restart.
        restarts: of each target; all but the first start at random, within ``eps`` / 2.
        nearest: go on to the nearest point, and towards every target; False = stop at the first within ``eps`` (same verdict).
        most_drawn: largest weight of the step from the image itself.
        overshoot: how far beyond the boundary steps go.
        back: share of the way that is kept when a step went wrong, as wished.

    Notes: ``distance`` (if ``nearest``: of the nearest wrong point, NaN where none was found).
    """

    targets: int = 9
    steps: int = 100
    restarts: int = 1
    nearest: bool = True
    most_drawn: float = 0.1
    overshoot: float = 1.05
    back: float = 0.9
    name: ClassVar[str] = "fab-t"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.targets, self.steps, self.restarts) < 1:
            raise ValueError(f"at least one target, step and restart: {self}")

    @property
    def label(self) -> str:
        """Short name, as in the literature."""
        return self.name

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return 3 + 4 * self.targets * self.restarts * self.steps

    def search(
        self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws, room: int | None = None
    ) -> Found:
        """``room``: how many rows may be asked together; None = as many as there are images."""
        shape, rows = (pixels.shape[1], pixels.shape[2], pixels.shape[3]), rows_of(pixels).contiguous()
        towards = ranked(victim.logits(pixels), labels, self.targets)
        contest = Contest(rows, towards.shape[1] * self.restarts, room or len(rows))
        hunt = _Hunt(self, victim, contest, shape, rows.new_full((len(rows),), torch.inf), rows.clone())
        for image, run in contest.heats():
            start = self._starts(draws, rows, image, run, shape)
            hunt.follow(_Trail(image, run, labels[image], towards[image, run // self.restarts], rows[image], start))
        if not self.nearest:
            return Found(pictures(contest.points, shape), {})
        found = torch.where(each(hunt.distance <= self.eps), hunt.points, rows)
        return Found(pictures(found, shape), {"distance": hunt.distance.where(hunt.distance.isfinite(), torch.nan)})

    def _starts(
        self, draws: Draws, rows: torch.Tensor, image: torch.Tensor, run: torch.Tensor, shape: Shape
    ) -> torch.Tensor:
        starts = rows[image]
        for number in sorted(set(run.tolist())):
            if number % self.restarts:
                at = (run == number).nonzero().flatten()
                draw, part = draws.of(image[at]), f"{self.label}/{number}"
                noise = draw.uniform(part, shape) if self.norm == "linf" else draw.normal(part, shape)
                starts[at] = on_the_edge(self.norm, self.eps / 2, starts[at], rows_of(noise))
        return starts


@dataclass
class _Trail(Kept):
    """m rows under way: whose they are (image, run), where to (labels, targets), the image, and the point reached (m, d)."""

    image: torch.Tensor
    run: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    home: torch.Tensor
    now: torch.Tensor


@dataclass
class _Hunt:
    """The search, and the nearest wrong point of each image so far: ``distance`` (n,) and ``points`` (n, d)."""

    how: FABT
    victim: Victim
    contest: Contest
    shape: Shape
    distance: torch.Tensor
    points: torch.Tensor

    def follow(self, trail: _Trail) -> None:
        """All steps of some rows."""
        for _ in range(self.how.steps):
            busy = (~self.contest.idle(trail.image, trail.run)).nonzero().flatten()
            if not len(busy):
                return
            if len(busy) < len(trail.image):
                trail = trail.keep(busy)
            self._step(trail)
            claimed = self.victim.glimpse(pictures(trail.now, self.shape)).argmax(1) != trail.labels
            self._enter(trail, claimed)
            at = claimed.nonzero().flatten()
            trail.now[at] = torch.lerp(trail.home[at], trail.now[at], self.how.back)

    def _step(self, trail: _Trail) -> None:
        """To the linearised boundary, from the point reached and from the image."""
        labels, targets = trail.labels, trail.targets
        seen = self.victim.slope(pictures(trail.now, self.shape), lambda logits: lead(logits, labels, targets))
        normals, gaps = rows_of(seen.gradient), -seen.loss
        from_home = ((trail.now - trail.home) * normals).sum(1) + gaps
        moves = to_hyperplane(
            torch.cat([trail.now, trail.home]), normals.repeat(2, 1), torch.cat([gaps, from_home]), self.how.norm
        )
        here, home = moves.chunk(2)
        long, longer = (sizes(move, self.how.norm).clamp_min(LEAST) for move in (here, home))
        weight = (long / (long + longer)).clamp_max(self.how.most_drawn)
        ahead = here.mul_(self.how.overshoot).add_(trail.now)
        trail.now = ahead.lerp_(home.mul_(self.how.overshoot).add_(trail.home), each(weight)).clamp_(0, 1)

    def _enter(self, trail: _Trail, claimed: torch.Tensor) -> None:
        """Keep what is wrong and nearer than all before, or what is near enough."""
        far = sizes(trail.now - trail.home, self.how.norm)
        better = far < self.distance[trail.image] if self.how.nearest else far <= self.how.eps
        wins = confirmed(self.victim, trail.now, self.shape, claimed & better, trail.labels)
        if not self.how.nearest:
            self.contest.won(trail.image, trail.run, wins, trail.now)
            return
        at = wins.nonzero().flatten()
        image = trail.image[at]
        self.distance.scatter_reduce_(0, image, far[at], "amin")
        first = far[at] == self.distance[image]
        self.points[image[first]] = trail.now[at[first]]
