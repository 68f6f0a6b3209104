"""What drawing the frames of the shift exam costs: against the model's forwards, and against a loop over images with Pillow.

``device``: seconds of rendering on the device for one frame over seconds of one forward, by protocol; an inpainted pair is
rendered as the exam does, its difference of fills included. ``drawing``: seconds that a plain Pillow loop takes for all frames
of an image (pairs times two) over ours, the decode worker's part included; the loop resizes for every frame, as a script would,
or once an image (``drawing_resized_once``). The crop protocol is drawn by Pillow in the workers: nothing is gained there. The
loop's inpainting is the method on the whole canvas, in numpy.

    python benchmarks/shift.py             # on the shared data
    python benchmarks/shift.py --images 8

Prints one JSON object on stdout; parts are timed in turns, and the fastest turn of each counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import correlate1d

import eyechart
from eyechart.core.chance import generator
from eyechart.core.query import CLEAN, Query
from eyechart.core.view import Pixels, View, split_stages
from eyechart.exams.shift import Shift
from eyechart.images.original import Original
from eyechart.models.image_model import ImageModel
from eyechart.run.draw import Drawn, Job, draw
from eyechart.run.forward import together
from eyechart.run.plan import source_views
from eyechart.run.render import show, unit
from eyechart.run.subject import subject_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIZE, SHORT, PAIRS, TURNS = 224, 100, 4, 3


class Decoded:
    """A picture in memory, so that decoding is no part of what is timed."""

    def __init__(self, original: Original) -> None:
        self.picture = original.picture

    def open(self) -> Original:
        return Original(self.picture)


def render(
    model: ImageModel, views: Sequence[View], drawn: Drawn, sources: Sequence[Any], ids: tuple[str, ...]
) -> float:
    """Seconds of rendering all views on the device, in the engine's portions."""
    began = perf_counter()
    for v, source in enumerate(sources):
        frames = torch.from_numpy(drawn.frames[v]).permute(0, 3, 1, 2).to(model.device)
        step = together(frames)
        for start in range(0, len(ids), step):
            part = slice(start, start + step)
            notes = {name: column[part] for name, column in drawn.notes[v].items()}
            first = Pixels(unit(frames[part]), ids[part], 0, notes)
            for view in views:
                if split_stages(view)[0] == source:
                    show(view, first)
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - began


def forwards(model: ImageModel, frames: torch.Tensor, batch: int) -> float:
    """Seconds a frame."""
    began = perf_counter()
    for start in range(0, len(frames), batch):
        model.forward(frames[start : start + batch])
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return (perf_counter() - began) / len(frames)


def loop(protocol: str, pictures: Sequence[Image.Image], ids: Sequence[str], *, once: bool) -> float:
    """Seconds of the same frames with Pillow, image by image."""
    began = perf_counter()
    for picture, name in zip(pictures, ids, strict=True):
        scale = SHORT / min(picture.size)
        width, height = (min(SIZE - 1, round(side * scale)) for side in picture.size)
        small = None
        for pair in range(PAIRS):
            down, right = generator(0, f"shift.embed.{pair}", name).random(2)
            for second in (0, 1):
                grown = second if protocol == "scale" else 0
                if small is None or not once or protocol == "scale":
                    small = picture.resize((width + grown, height + grown), Image.Resampling.BILINEAR)
                canvas = Image.new("RGB", (SIZE, SIZE))
                top, left = int(down * (SIZE - height)), int(right * (SIZE - width))
                move = 0 if protocol == "scale" else second
                canvas.paste(small, (left + move, top + move))
                pixels = np.asarray(canvas)
                if protocol == "embed_inpaint":
                    pixels = inpainted(pixels, (top + move, left + move, height, width))
                torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255)
    return perf_counter() - began


def inpainted(pixels: np.ndarray[Any, Any], box: tuple[int, int, int, int]) -> np.ndarray[Any, Any]:
    """The fill, on the whole canvas in every round."""
    kernel = np.array([comb(12, k) for k in range(13)], np.float32) / 2**12
    image, mask = pixels.astype(np.float32), np.zeros((*pixels.shape[:2], 1), np.float32)
    mask[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = 1
    while not mask.all():
        both = np.concatenate([image * mask, mask], 2)
        both = correlate1d(correlate1d(both, kernel, 0, mode="constant"), kernel, 1, mode="constant")
        weight = both[..., 3:]
        image = np.where((mask == 0) & (weight > 0), both[..., :3] / np.maximum(weight, 1e-30), image)
        mask = np.maximum(mask, weight > 0)
    return np.round(image).astype(np.uint8)


def fastest(work: Sequence[Callable[[], float]]) -> list[float]:
    """The fastest of several turns of each, taken in turns after a first that warms up."""
    turns = [[one() for one in work] for _ in range(TURNS + 1)]
    return [min(times) for times in zip(*turns[1:], strict=True)]


def measured(model: ImageModel, images: Any, n: int) -> dict[str, Any]:
    """All ratios, by protocol."""
    ids = tuple(images.ids[:n])
    sources = tuple(Decoded(images.source(i).open()) for i in range(n))
    pictures = [source.picture for source in sources]
    plain = draw(Job(ids, sources, source_views([CLEAN]), model.preprocessing, 0)).frames[0]
    many = torch.from_numpy(np.concatenate([plain] * -(-64 // n))[:64]).permute(0, 3, 1, 2)
    frames = model.normalise(many.to(model.device), model.buffer(64)).clone()
    found: dict[str, Any] = {}
    for protocol in ("crop", "embed_black", "embed_inpaint", "scale"):
        exam = Shift(protocols=(protocol,), pairs_per_image=PAIRS)
        queries = [q for q in exam.ask(subject_of(model, True), ()) or () if q != CLEAN]
        views = [query.view for query in queries]
        firsts = source_views([Query(view) for view in views])
        job = Job(ids, sources, firsts, model.preprocessing, 0)  # type: ignore[arg-type]
        drawn = draw(job)

        def drawing(job: Job = job) -> float:
            began = perf_counter()
            draw(job)
            return perf_counter() - began

        work = [lambda: forwards(model, frames, 32), drawing]
        if protocol != "crop":
            work.append(lambda v=views, d=drawn, f=firsts: render(model, v, d, f, ids))  # type: ignore[misc]
            some = 1 if protocol == "embed_inpaint" else n  # of the slow loop, one image stands for all
            work += [
                lambda p=protocol, k=some, o=once: loop(p, pictures[:k], ids[:k], once=o) for once in (False, True)
            ]  # type: ignore[misc]
        forward, drawn_s, *rest = fastest(work)
        shown = n * len(views)
        row = {"forward_ms": 1e3 * forward, "worker_ms_per_frame": 1e3 * drawn_s / shown}
        if rest:
            device, each, once = rest[0], rest[1] * n / some, rest[2] * n / some
            row |= {"device_ms_per_frame": 1e3 * device / shown, "device": device / shown / forward}
            row |= {"drawing": each / (drawn_s + device), "drawing_resized_once": once / (drawn_s + device)}
        found[protocol] = {name: round(number, 4) for name, number in row.items()}
    return found


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=14, help="of the shared ImageNet samples")
    given = parser.parse_args()
    model = eyechart.load_model(str(DATA / "imagenet_nets/squeezenet1_1.safetensors"), arch="torchvision:squeezenet1_1")
    images = eyechart.load_images(str(DATA / "imagenet_samples"), labels="{label}.jpg")
    with torch.inference_mode():
        found = measured(model, images, given.images)
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "device": str(model.device)}
    print(json.dumps({"squeezenet1_1": found, "machine": machine}))


if __name__ == "__main__":
    main()
