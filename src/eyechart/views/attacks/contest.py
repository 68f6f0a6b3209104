"""Numbered attempts on the same images: restarts and targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch


class Contest:
    """Attempts ``0 .. runs - 1`` on each of n images, in turn, each on what withstood those before.

    Where few images are left, several attempts go side by side, up to ``room`` rows: small batches cost as much as larger
    ones. The attempt of the lowest number that succeeds counts, so how many went side by side decides nothing.

    Args:
        rows: (n, d) the images.
        runs: number of attempts.
        room: how many rows may be searched together.

    Attributes:
        points: (n, d) what broke each image; the image itself where nothing did.
        margin: (n,) the largest margin that any attempt noted: how near it came.
    """

    def __init__(self, rows: torch.Tensor, runs: int, room: int) -> None:
        self.points, self._runs, self._room = rows.clone(), runs, room
        self._winner = torch.full((len(rows),), runs, device=rows.device)
        self.margin = torch.full((len(rows),), -torch.inf, device=rows.device)

    @property
    def broken(self) -> torch.Tensor:
        """(n,) bool."""
        return self._winner < self._runs

    def heats(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Rows to be searched together: index of the image (m,) and number of the attempt (m,)."""
        done = 0
        while done < self._runs:
            left = (~self.broken).nonzero().flatten()
            if not len(left):
                return
            beside = min(self._runs - done, max(1, self._room // len(left)))
            numbers = torch.arange(done, done + beside, device=left.device)
            yield left.repeat(beside), numbers.repeat_interleave(len(left))
            done += beside

    def won(self, image: torch.Tensor, run: torch.Tensor, wins: torch.Tensor, points: torch.Tensor) -> None:
        """Enter the rows whose ``wins`` (m,) is true, with what they found, ``points`` (m, d)."""
        at = wins.nonzero().flatten()
        if not len(at):
            return
        self._winner.scatter_reduce_(0, image[at], run[at], "amin")
        first = at[self._winner[image[at]] == run[at]]
        self.points[image[first]] = points[first]

    def idle(self, image: torch.Tensor, run: torch.Tensor) -> torch.Tensor:
        """(m,) bool: rows that can no longer change anything."""
        return self._winner[image] <= run

    def note(self, image: torch.Tensor, margins: torch.Tensor) -> None:
        """Remember how near the rows came."""
        self.margin.scatter_reduce_(0, image, margins, "amax")


def by_attempt(
    image: torch.Tensor, run: torch.Tensor, draw: Callable[[int, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """(m, ...) random numbers of the rows of a heat: ``draw`` is handed each attempt's number and its images."""
    return torch.cat([draw(number, image[run == number]) for number in sorted(set(run.tolist()))])
