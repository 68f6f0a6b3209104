"""Work done part by part, in as many threads as torch uses: for libraries that let others work meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

WORTH_A_THREAD = 64 * 64 * 3  # values in a part: below, Python's share of the work is the larger one


def in_threads(work: Callable[[int], None], count: int, values: int) -> None:
    """``work(0)`` to ``work(count - 1)``, each on so many values."""

    def share(parts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        for part in parts.tolist():
            work(part)

    threads = min(torch.get_num_threads(), count) if values >= WORTH_A_THREAD else 1
    if threads < 2:
        share(np.arange(count))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, np.array_split(np.arange(count), threads)))
