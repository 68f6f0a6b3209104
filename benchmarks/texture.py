"""What the texture exams cost beside what they need.

``rendering``: milliseconds an image for the whole default grid (every method, strength and repeat) at 224 pixels: ours, as the
engine renders it; the loop for each condition on its own, as data-set transforms do it; and the loop that smooths an image once
for all conditions that start from it. ``faster`` and ``faster_smoothed_once`` are the loops' times over ours. ``methods``: the
same for each method alone, where nothing is shared. OpenCV runs on as many threads as torch. The loop ends with the float
tensor that a net takes, as ours does.

``shape_bias``: wall time of the whole exam on 1,280 stimuli, from the session to its results, by that of the forwards alone,
timed before and after: bare (the folded net) and the fastest form of the net, both as in ``benchmarks/engine.py``. The shared
400 stimuli are shown again, under other names, until there are 1,280.

    python benchmarks/texture.py              # on the shared data; needs the extra ``cv``
    python benchmarks/texture.py --parts shape_bias
    python benchmarks/texture.py --images 6   # of the shared photographs, for rendering

``--clock cpu`` counts, for rendering, the time of processors instead of the clock on the wall: on a machine that others use,
too, and with one thread, the steadier figure.

Prints one JSON object on stdout; what is rendered is timed in turns, and the fastest turn of each counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from engine import BATCHES, SMALL, bare, examine, frames

import eyechart
from eyechart.core.chance import generator
from eyechart.core.exam import Subject
from eyechart.core.query import CLEAN
from eyechart.core.view import Pixels, View, split_stages
from eyechart.exams.cue_suppression import CueSuppression
from eyechart.models.image_model import ImageModel
from eyechart.run.forward import together
from eyechart.run.render import show, unit
from eyechart.views.bilateral import Bilateral
from eyechart.views.blurs import GaussianBlur
from eyechart.views.colours import LUMINANCE, ChannelShuffle
from eyechart.views.patches import PatchRotation, PatchShuffle, another_order

Array = np.ndarray[Any, Any]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIZE, TURNS, STIMULI = 224, 3, 1280


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
    step = together(images)
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


def rendering(given: Array, ids: tuple[str, ...], exam: CueSuppression, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds an image, and ratios."""
    queries = exam.ask(Subject((SIZE, SIZE), 1000), ()) or ()
    views = [query.view for query in queries if query != CLEAN]
    images = torch.from_numpy(given).permute(0, 3, 1, 2)
    work = [
        partial(render, images.cuda() if torch.cuda.is_available() else images, ids, views),
        partial(loop, given, ids, views, once=False),
        partial(loop, given, ids, views, once=True),
    ]
    ours, each, once = (1e3 * seconds / len(ids) for seconds in fastest(work, clock))
    found = {"frames": len(views), "ours_ms": ours, "loop_ms": each, "loop_smoothed_once_ms": once}
    return {k: round(v, 3) for k, v in {**found, "faster": each / ours, "faster_smoothed_once": once / ours}.items()}


def rendered(model: ImageModel, n: int, chosen: str) -> dict[str, Any]:
    """Of the whole grid, and of each method."""
    cv2.setNumThreads(torch.get_num_threads())
    clock = time.perf_counter if chosen == "wall" else time.process_time
    images = eyechart.load_images(str(DATA / "imagenet_samples"), labels="{label}.jpg")
    ids = tuple(images.ids[:n])
    shown = np.stack([np.asarray(model.preprocessing.frame(images.source(i).open().picture)) for i in range(n)])
    with torch.inference_mode():
        whole = rendering(shown, ids, CueSuppression(), clock)
        methods = {m: rendering(shown, ids, CueSuppression(methods=(m,)), clock) for m in CueSuppression().methods}
    return {"rendering": whole, "methods": methods, "clock": chosen, "opencv": cv2.__version__}


def shape_bias(model: ImageModel) -> dict[str, Any]:
    """Seconds of the exam and of its forwards, and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        images = eyechart.load_images(str(stimuli(Path(folder))))
        plain, pixels = replace(model, quick=None), frames(model, images, max(BATCHES))
        trial = {(form, b): bare(form, pixels, b, 1.0) for form in (plain, model) for b in (*SMALL, *BATCHES)}
        usual = min(((plain, b) for b in BATCHES), key=lambda way: trial[way])
        ways = (usual, min(trial, key=lambda way: trial[way]))
        before = [bare(form, pixels, b) for form, b in ways]
        took, forwards = examine(model, images, ("shape_bias",), None)
        after = [bare(form, pixels, b) for form, b in ways]
    alone, fastest_form = (forwards * (a + b) / 2 for a, b in zip(before, after, strict=True))
    found = {"exam_s": took, "bare_s": alone, "ratio": took / alone}
    found |= {"bare_any_form_s": fastest_form, "ratio_any_form": took / fastest_form}
    return {"forwards": forwards, **{name: round(value, 3) for name, value in found.items()}}


def stimuli(folder: Path) -> Path:
    """As many as the published set has: the shared ones, named anew until they suffice."""
    files = sorted((DATA / "cue_conflict").glob("*/*.webp"))
    again = ((file, turn) for turn in count() for file in files)
    for file, turn in islice(again, STIMULI):
        (folder / file.parent.name).mkdir(exist_ok=True)
        (folder / file.parent.name / f"{file.stem}-{turn}.webp").write_bytes(file.read_bytes())
    return folder


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=("rendering", "shape_bias"), default=["rendering", "shape_bias"])
    parser.add_argument("--images", type=int, default=6, help="of the shared ImageNet samples, for rendering")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    model = eyechart.load_model(
        str(DATA / "imagenet_nets/squeezenet1_1.safetensors"), arch="torchvision:squeezenet1_1", classes="imagenet"
    )
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    if "rendering" in given.parts:
        found |= rendered(model, given.images, given.clock)
    if "shape_bias" in given.parts:
        found["shape_bias"] = shape_bias(model)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
