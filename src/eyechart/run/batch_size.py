"""How many frames a forward takes."""

from __future__ import annotations

from typing import Literal

CANDIDATES = (8, 16, 32, 64, 128, 256)
CLEARLY_SLOWER = 1.1
BUFFER_BYTES = 64 << 20


class BatchSize:
    """The batch size of forwards: given, or the fastest of a few, found on the run's own work.

    Sizes are tried from small to large until one is clearly slower than the best: on CPUs small batches often win, since
    their activations stay in the cache and in memory that is already mapped. Decisions never depend on the size. On
    out-of-memory it halves and stays.
    """

    def __init__(self, asked: int | Literal["auto"], frame_bytes: int, trials: int = 3) -> None:
        fitting = [c for c in CANDIDATES if c * frame_bytes <= BUFFER_BYTES] or [CANDIDATES[0]]
        self._open = [asked] if isinstance(asked, int) else fitting
        self._times: dict[int, list[float]] = {size: [] for size in self._open}
        self._trials = trials if len(self._open) > 1 else 0
        self.largest = max(self._open)

    @property
    def now(self) -> int:
        """The size to use next."""
        best = float("inf")
        for size in self._open:
            if len(self._times[size]) < self._trials:
                return size
            fastest = min(self._times[size], default=0.0)
            if fastest > CLEARLY_SLOWER * best:
                break
            best = min(best, fastest)
        return min(self._open, key=lambda size: min(self._times[size] or [float("inf")]))

    def took(self, size: int, seconds: float) -> None:
        """Note the time of one forward of ``size`` frames."""
        if size in self._times and len(self._times[size]) < self._trials:
            self._times[size].append(seconds / size)

    def too_large(self, size: int) -> None:
        """Memory ran out at ``size``."""
        self._open = [s for s in self._open if s < size] or [max(1, size // 2)]
        self._times = {s: self._times.get(s, []) for s in self._open}
