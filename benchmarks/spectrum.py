"""How much faster spectra of batches are than a loop over images in NumPy. Ratios of one run, on the same cores.

``bands``: the whole grid of the bands exam (4 radii, low and high) at 224 pixels, rendered through the exam's own views into
the model's memory layout, against one rfft2 an image and one irfft2 a radius with kept masks.
``bass``: balanced spectrum sampling of a batch, safe form, against its transcription with one plane after another; once with
rings kept and summed by bincount, once as the authors have it (sorting by radius, a mask a ring).
``heat_map``: the Fourier heat map's 515 forwards an image on ResNet-20, waves rendered and answers read, against bare forwards
of the same net at the same batch size, before and after: 1 is no cost at all.
``ratio`` is of wall times with all of torch's threads: run it on an idle machine. ``ratio_one_core`` is of the processor time
of one thread each (NumPy's transforms use no more), which other programs change little.

    python benchmarks/spectrum.py

Prints one JSON object on stdout.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import torch
from engine import BATCHES, bare, frames, models

from eyechart.core.exam import Batch, Subject
from eyechart.core.view import Pixels
from eyechart.exams.fourier_heatmap import FourierHeatmap
from eyechart.run.draw import Job, draw
from eyechart.run.forward import Forwarder
from eyechart.run.plan import source_views
from eyechart.spectrum.balance import bass
from eyechart.views.bands import Band

RADII = (28, 56, 84, 112)  # 4, 8, 12, 16 at 32 pixels
REPEATS = 7
Array = np.ndarray[Any, Any]


@lru_cache
def distances(n: int) -> Array:
    """D on the half plane."""
    fy, fx = (np.fft.fftfreq(n) * n).round(), (np.fft.rfftfreq(n) * n).round()  # exact: rings end on whole radii
    return np.hypot(fy[:, None], fx[None, :])


@lru_cache
def mask(n: int, radius: int) -> Array:
    """1 within the radius."""
    return (distances(n) <= radius).astype(np.float32)


def bands_by_loop(images: Array) -> float:
    """Every band of images (n, h, w, 3), one image at a time; something to look at, so that nothing is skipped."""
    seen = 0.0
    for image in images:
        planes = np.moveaxis(image, -1, 0)
        coefficients = np.fft.rfft2(planes)
        for radius in RADII:
            low = np.fft.irfft2(coefficients * mask(image.shape[0], radius), s=planes.shape[1:])
            for band in (low, planes - low):
                seen += float(np.ascontiguousarray(np.moveaxis(band, 0, -1))[0, 0, 0])
    return seen


@torch.inference_mode()
def bands_by_views(frames: torch.Tensor) -> float:
    """The same through the exam's views."""
    pixels = Pixels(frames, tuple(map(str, range(len(frames)))), seed=0)
    shown = (Band(band, radius).render(pixels).pixels for radius in RADII for band in ("low", "high"))  # type: ignore[arg-type]
    return sum(float(part[:, 0, 0, 0].sum()) for part in shown)


@lru_cache
def full_rings(n: int) -> tuple[Array, Array]:
    """int(D) of the full plane, and how often it occurs."""
    f = (np.fft.fftfreq(n) * n).round()
    ring = np.hypot(f[:, None], f[None, :]).astype(int)
    return ring, np.bincount(ring.ravel())


def weights(means: Array) -> Array:
    """Of all rings, safe form, from the means of rings 1..R-1."""
    logs = np.log1p(means)
    inner = logs / np.where(means > 0, means, 1) * means.sum() / max(logs.sum(), 1e-300)
    return np.concatenate([[1], np.where(means > 0, inner, 1), [1]])


def bass_by_bincount(images: Array) -> Array:
    """Plane by plane, rings kept."""
    ring, counts = full_rings(images.shape[-1])
    shown = np.empty_like(images)
    for at in np.ndindex(*images.shape[:-2]):
        z = np.fft.fft2(images[at].astype(np.float64))
        a = np.abs(z + 1e-8)
        largest = a == a.max()
        means = (np.bincount(ring.ravel(), np.where(largest, 0, a).ravel()) / counts)[1:-1]
        shown[at] = np.fft.ifft2(z * np.where(largest, 1, weights(means)[ring])).real.clip(0, 255).astype(np.uint8)
    return shown


def bass_by_masks(images: Array) -> Array:
    """Plane by plane as the authors have it: sort by radius, sum cumulatively, write the weights ring by ring."""
    n = images.shape[-1]
    shown = np.empty_like(images)
    for at in np.ndindex(*images.shape[:-2]):
        z = np.fft.fftshift(np.fft.fft2(images[at].astype(np.float64)))
        a = np.abs(z + 1e-8)
        largest = a == a.max()
        y, x = np.indices((n, n))
        d = np.hypot(y - n // 2, x - n // 2)
        order = np.argsort(d, axis=None, kind="stable")
        ring = d.ravel()[order].astype(int)
        last = np.append(np.flatnonzero(np.diff(ring)), n * n - 1)
        sums = np.cumsum(np.where(largest, 0, a).ravel()[order])[last]
        means = (np.diff(sums, prepend=0) / np.diff(last, prepend=-1))[1:-1]
        by = np.ones((n, n))
        for k, weight in enumerate(weights(means)):
            by[(d.astype(int) == k) & ~largest] = weight
        shown[at] = np.fft.ifft2(np.fft.ifftshift(z * by)).real.clip(0, 255).astype(np.uint8)
    return shown


def seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """Of the fastest run, the first not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = clock()
        work()
        times.append(clock() - began)
    return min(times)


def compare(loop: Callable[[], object], batched: Callable[[], object], n: int) -> dict[str, float]:
    """Milliseconds an image and their ratios: wall time with all threads, and the time of one core.

    The loop is timed before and after, so that a machine that changes its speed changes both.
    """
    threads = torch.get_num_threads()
    before = seconds(loop, 2)
    wall = seconds(batched, REPEATS)
    torch.set_num_threads(1)
    core = seconds(batched, REPEATS, thread_time)
    torch.set_num_threads(threads)
    loop_core = seconds(loop, 2, thread_time)
    loop_wall = min(before, seconds(loop, 2))
    found = {"ratio": loop_wall / wall, "ratio_one_core": loop_core / core}
    times = {"loop_ms": loop_wall, "batched_ms": wall, "loop_one_core_ms": loop_core, "batched_one_core_ms": core}
    return {name: round(value, 2) for name, value in found.items()} | {
        k: round(1e3 * v / n, 4) for k, v in times.items()
    }


def bands(n: int = 32) -> dict[str, float]:
    """At 224 pixels."""
    chance = torch.Generator().manual_seed(0)
    frames = torch.rand((n, 3, 224, 224), generator=chance).contiguous(memory_format=torch.channels_last)
    images = np.ascontiguousarray(frames.permute(0, 2, 3, 1).numpy())
    assert abs(bands_by_loop(images) - bands_by_views(frames)) < 1e-3 * n
    return compare(lambda: bands_by_loop(images), lambda: bands_by_views(frames), n)


def balance(side: int, n: int) -> dict[str, Any]:
    """Against both loops."""
    images = torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    arrays, found = images.numpy(), {}
    batched = torch.inference_mode()(bass)
    for name, loop in (("authors", bass_by_masks), ("bincount", bass_by_bincount)):
        assert np.array_equal(loop(arrays), batched(images).numpy())
        found[name] = compare(lambda loop=loop: loop(arrays), lambda: batched(images), n)  # type: ignore[misc]
    return found


def heat_map(n: int = 16, rounds: int = 7) -> dict[str, float]:
    """Waves on ResNet-20, a batch of images as the engine cuts them, and as many bare forwards, by turns."""
    model, images = models()["resnet20"]
    pixels = frames(model, images, 256)
    batch = min(BATCHES, key=lambda size: bare(model, pixels, size, 1.0))
    exam, subject = FourierHeatmap(), Subject(model.preprocessing.size, model.n_outputs)
    queries, forwarder = tuple(exam.ask(subject, ()) or ()), Forwarder(model, batch)
    ids, labels = tuple(images.ids[:n]), np.full(n, -1)
    job = Job(ids, tuple(map(images.source, range(n))), source_views(queries), model.preprocessing, 0)

    @torch.inference_mode()
    def forwards() -> None:
        for _ in range(n * len(queries) // batch):
            model.forward(pixels[:batch])

    @torch.inference_mode()
    def asked() -> None:
        exam.read(forwarder.answers(queries, job.views, draw(job), ids, labels), Batch(ids, labels, subject))

    threads = torch.get_num_threads()
    found = {"ratio": by_turns(asked, forwards, rounds, perf_counter)}
    torch.set_num_threads(1)
    found["ratio_one_core"] = by_turns(asked, forwards, rounds, thread_time)
    torch.set_num_threads(threads)
    return {name: round(value, 3) for name, value in found.items()} | {"batch": batch}


def by_turns(work: Callable[[], object], bare: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    """Median over rounds of work against what is done just before and after it; the first is not counted."""
    ratios = []
    work()
    for _ in range(rounds):
        times = [clock()]
        for part in (bare, work, bare):
            part()
            times.append(clock())
        before, took, after = np.diff(times)
        ratios.append(took / ((before + after) / 2))
    return float(np.median(ratios))


def main() -> None:
    """Print everything as JSON."""
    ratios = {
        "bands_224": bands(),
        "bass_32": balance(32, 256),
        "bass_224": balance(224, 16),
        "heat_map_32": heat_map(),
    }
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), **ratios}, indent=1))


if __name__ == "__main__":
    main()
