"""What rendering the cue suppression exam's frames costs, against a loop over images with OpenCV and NumPy.

``rendering``: milliseconds an image for the whole default grid (every method, strength and repeat) at 224 pixels: ours, as the
engine renders it; the loop for each condition on its own, as data-set transforms do it; and the loop that smooths an image once
for all conditions that start from it. ``faster`` and ``faster_smoothed_once`` are the loops' times over ours. ``methods``: the
same for each method alone, where nothing is shared. OpenCV runs on as many threads as torch. The loop ends with the float
tensor that a net takes, as ours does.

    python benchmarks/texture.py              # on the shared data; needs the extra ``cv``
    python benchmarks/texture.py --images 6

``--clock cpu`` counts the time of processors instead of the clock on the wall: on a machine that others use, too, and with one
thread, the steadier figure.

Prints one JSON object on stdout; parts are timed in turns, and the fastest turn of each counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import eyechart
from eyechart.core.chance import generator
from eyechart.core.exam import Subject
from eyechart.core.query import CLEAN
from eyechart.core.view import Pixels, View, split_stages
from eyechart.exams.cue_suppression import CueSuppression
from eyechart.run.forward import RENDER_BYTES
from eyechart.run.render import show, unit
from eyechart.views.bilateral import Bilateral
from eyechart.views.blurs import GaussianBlur
from eyechart.views.colours import LUMINANCE, ChannelShuffle
from eyechart.views.patches import PatchRotation, PatchShuffle, another_order

Array = np.ndarray[Any, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIZE, TURNS = 224, 3


def shuffled(image: Array, view: PatchShuffle, name: str) -> Array:
    """Tile by tile."""
    g, side = view.grid, len(image) // view.grid
    order = another_order(generator(0, view.stream, name), g * g)
    found = np.empty_like(image)
    for place, tile in enumerate(order):
        (y, x), (v, u) = divmod(place, g), divmod(int(tile), g)
        there = image[v * side : (v + 1) * side, u * side : (u + 1) * side]
        found[y * side : (y + 1) * side, x * side : (x + 1) * side] = there
    return found


def turned(image: Array, view: PatchRotation, name: str) -> Array:
    """Tile by tile."""
    g, side = view.grid, len(image) // view.grid
    found = np.empty_like(image)
    for place, quarters in enumerate(generator(0, view.stream, name).integers(4, size=g * g)):
        y, x = (side * part for part in divmod(place, g))
        found[y : y + side, x : x + side] = np.rot90(image[y : y + side, x : x + side], quarters)
    return found


def stepped(image: Array, step: Any, name: str) -> Array:
    """One step on one 8-bit image."""
    if isinstance(step, PatchShuffle):
        return shuffled(image, step, name)
    if isinstance(step, PatchRotation):
        return turned(image, step, name)
    if isinstance(step, Bilateral):
        return np.asarray(cv2.bilateralFilter(image, step.diameter, step.sigma_color, step.sigma_space))
    if isinstance(step, GaussianBlur):
        return np.asarray(cv2.GaussianBlur(image, (step.kernel, step.kernel), step.sigma))
    if isinstance(step, ChannelShuffle):
        return image[..., another_order(generator(0, step.stream, name), 3)]
    grey = image @ np.asarray(LUMINANCE, np.float32)
    return np.asarray((1 - step.amount) * image + step.amount * grey[..., None]).astype(np.uint8)


def loop(images: Array, ids: Sequence[str], views: Sequence[View], *, once: bool) -> None:
    """All frames, image by image."""
    for image, name in zip(images, ids, strict=True):
        smoothed: dict[object, Array] = {}
        for view in views:
            found = image
            for step in split_stages(view)[1]:
                if once and isinstance(step, Bilateral):
                    found = smoothed[step] = smoothed[step] if step in smoothed else stepped(found, step, name)
                else:
                    found = stepped(found, step, name)
            torch.from_numpy(np.ascontiguousarray(found)).permute(2, 0, 1).float().div_(255)


def render(images: torch.Tensor, ids: tuple[str, ...], views: Sequence[View]) -> None:
    """All frames, in the engine's portions."""
    step = max(1, RENDER_BYTES // (4 * images[0].numel()))
    for start in range(0, len(ids), step):
        first = Pixels(unit(images[start : start + step]), ids[start : start + step], 0)
        for view in views:
            show(view, first)
    if images.device.type == "cuda":
        torch.cuda.synchronize()


def fastest(work: Sequence[Callable[[], None]], clock: Callable[[], float]) -> list[float]:
    """Seconds: the fastest of several turns of each, taken in turns after a first that warms up."""

    def took(one: Callable[[], None]) -> float:
        began = clock()
        one()
        return clock() - began

    turns = [[took(one) for one in work] for _ in range(TURNS + 1)]
    return [min(times) for times in zip(*turns[1:], strict=True)]


def rendering(
    frames: Array, ids: tuple[str, ...], exam: CueSuppression, clock: Callable[[], float]
) -> dict[str, float]:
    """Milliseconds an image, and ratios."""
    queries = exam.ask(Subject((SIZE, SIZE), 1000), ()) or ()
    views = [query.view for query in queries if query != CLEAN]
    images = torch.from_numpy(frames).permute(0, 3, 1, 2)
    work = [
        partial(render, images.cuda() if torch.cuda.is_available() else images, ids, views),
        partial(loop, frames, ids, views, once=False),
        partial(loop, frames, ids, views, once=True),
    ]
    ours, each, once = (1e3 * seconds / len(ids) for seconds in fastest(work, clock))
    found = {"frames": len(views), "ours_ms": ours, "loop_ms": each, "loop_smoothed_once_ms": once}
    return {k: round(v, 3) for k, v in {**found, "faster": each / ours, "faster_smoothed_once": once / ours}.items()}


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=6, help="of the shared ImageNet samples")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    clock = time.perf_counter if given.clock == "wall" else time.process_time
    cv2.setNumThreads(torch.get_num_threads())
    model = eyechart.load_model(str(DATA / "imagenet_nets/squeezenet1_1.safetensors"), arch="torchvision:squeezenet1_1")
    images = eyechart.load_images(str(DATA / "imagenet_samples"), labels="{label}.jpg")
    ids = tuple(images.ids[: given.images])
    frames = np.stack(
        [np.asarray(model.preprocessing.frame(images.source(i).open().picture)) for i in range(given.images)]
    )
    with torch.inference_mode():
        whole = rendering(frames, ids, CueSuppression(), clock)
        methods = {m: rendering(frames, ids, CueSuppression(methods=(m,)), clock) for m in CueSuppression().methods}
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "opencv": cv2.__version__}
    print(json.dumps({"rendering": whole, "methods": methods, "clock": given.clock, "machine": machine}))


if __name__ == "__main__":
    main()
