"""How close the engine comes to the bare model: wall time of exams against the forwards they need, and nothing else.

Bare: the same folded, channels_last net, precision and threads, at its best batch size of 32, 64, 128 and 256, on normalised
tensors that lie in memory. It is timed before and after every exam, so that a machine that changes its speed changes both.
``efficiency`` is against that; ``efficiency_any_form`` against the best of batches of 8 and 16 too, and of the net with its
ReLUs and shortcuts in the convolutions' kernels, which is how the engine asks on CPUs.

    python benchmarks/engine.py                        # efficiency, both models, all exams (about 20 minutes on two cores)
    python benchmarks/engine.py --quick                # fewer images
    python benchmarks/engine.py --memory               # peak memory on 10,000 and 100,000 generated 224-pixel images

Prints one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from generated import GeneratedImages, tiny_net

import eyechart
from eyechart.core.catalogue import make_exams
from eyechart.models.image_model import ImageModel
from eyechart.run.draw import Job, draw
from eyechart.run.options import RunOptions
from eyechart.run.plan import source_views
from eyechart.run.reporter import Silent
from eyechart.run.session import Session
from eyechart.store.folder import Folder

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EXAMS = (("clean",), ("bands",), ("shift",), ("clean", "bands", "shift"))
SHIFT = {"protocols": ["crop", "embed_black"]}  # inpainting is work of its own: benchmarks/shift.py
BATCHES = (32, 64, 128, 256)
SMALL = (8, 16)
BARE_SECONDS = 4.0


def models() -> dict[str, tuple[ImageModel, Any]]:
    """Name -> model and images, from the shared data."""
    resnet = eyechart.load_model(str(DATA / "cifar10_nets/resnet20.safetensors"), arch="eyechart:cifar_resnet20")
    squeeze = eyechart.load_model(
        str(DATA / "imagenet_nets/squeezenet1_1.safetensors"), arch="torchvision:squeezenet1_1"
    )
    return {
        "resnet20": (resnet, eyechart.load_images(f"cifar10:{DATA / 'cifar10'}")),
        "squeezenet1_1": (squeeze, eyechart.load_images(str(DATA / "imagenet_samples"), labels="{label}.jpg")),
    }


def frames(model: ImageModel, images: Any, n: int) -> torch.Tensor:
    """The first n images, normalised, in the model's memory layout."""
    views = source_views([eyechart.core.query.CLEAN])
    ids = tuple(images.ids[i] for i in range(n))
    drawn = draw(Job(ids, tuple(images.source(i) for i in range(n)), views, model.preprocessing, 0))
    return model.normalise(torch.from_numpy(drawn.frames[0]).permute(0, 3, 1, 2), model.buffer(n)).clone()


@torch.inference_mode()
def bare(model: ImageModel, pixels: torch.Tensor, batch: int, seconds: float = BARE_SECONDS) -> float:
    """Seconds a frame of forwards alone."""
    wait = torch.cuda.synchronize if model.device.type == "cuda" else lambda: None
    model.forward(pixels[:batch])
    wait()
    done, began = 0, perf_counter()
    while perf_counter() - began < seconds:
        for start in range(0, len(pixels) - batch + 1, batch):
            model.forward(pixels[start : start + batch])
            done += batch
        wait()
    return (perf_counter() - began) / done


def examine(model: ImageModel, images: Any, names: tuple[str, ...], limit: int | None) -> tuple[float, int]:
    """Wall seconds of a whole run, from the session to its results, and the forwards it needed."""
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        options = RunOptions(limit=limit)
        settings = {"shift": SHIFT} if "shift" in names else {}
        session = Session([model], images, make_exams(names, settings), Folder(folder), options, Silent())
        session.run()
        took = perf_counter() - began
        engine = session.engines[0]
        works = engine.works(session.exams, 0, dict.fromkeys(session.exams, ()))
        return took, engine.n * len(dict.fromkeys(q for w in works for q in w.queries))


def efficiency(limits: dict[str, int | None], chosen: str | None) -> dict[str, Any]:
    """Per model and exams: bare seconds over engine seconds."""
    found: dict[str, Any] = {}
    for name, (model, images) in models().items():
        if chosen and name != chosen:
            continue
        pixels = frames(model, images, 256)
        plain = replace(model, quick=None)
        trial = {(f, b): bare(f, pixels, b, 1.0) for f in (plain, model) for b in (*SMALL, *BATCHES)}
        usual = min(((plain, b) for b in BATCHES), key=lambda way: trial[way])
        best = min(trial, key=lambda way: trial[way])
        for names in EXAMS:
            before = bare(usual[0], pixels, usual[1]), bare(best[0], pixels, best[1])
            took, forwards = examine(model, images, names, limits[name])
            after = bare(usual[0], pixels, usual[1]), bare(best[0], pixels, best[1])
            each, least = ((a + b) / 2 for a, b in zip(before, after, strict=True))
            row = {"efficiency": round(each * forwards / took, 4), "engine_s": round(took, 2), "forwards": forwards}
            row |= {"bare_ms_per_frame": round(1e3 * each, 4), "bare_batch": usual[1]}
            row |= {"efficiency_any_form": round(least * forwards / took, 4), "any_form_batch": best[1]}
            row |= {"any_form_fused": best[0] is model and model.quick is not None}
            found.setdefault(name, {})["+".join(names)] = row
            print(name, "+".join(names), row, file=sys.stderr, flush=True)
    return found


def memory() -> dict[str, Any]:
    """Peak resident memory of whole runs, each in its own process, and of their largest worker, on generated images."""
    found = {}
    for n in (10_000, 100_000):
        command = [sys.executable, __file__, "--peak-of", str(n)]
        found[str(n)] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    grown = found["100000"]["peak_mb"] - found["10000"]["peak_mb"]
    return {**found, "growth_mb": round(grown, 1)}


def peak_of(n: int) -> dict[str, float]:
    """One run over n generated images, in this process."""
    torch.set_num_threads(2)
    model, images = tiny_net(), GeneratedImages.of(n)
    exams = make_exams(
        ["clean", "bands", "shift"], {"bands": {"radii": [28]}, "shift": {**SHIFT, "pairs_per_image": 1}}
    )
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        Session([model], images, exams, Folder(folder), RunOptions(), Silent()).run()
    peak, worker = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"peak_mb": round(peak, 1), "worker_mb": round(worker, 1), "seconds": round(perf_counter() - began, 1)}


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 CIFAR-10 and 128 ImageNet images")
    parser.add_argument("--model", choices=("resnet20", "squeezenet1_1"), help="only this one")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of efficiency")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak_of:
        print(json.dumps(peak_of(given.peak_of)))
        return
    if given.memory:
        print(json.dumps({"memory": memory()}))
        return
    limits = {"resnet20": 1000, "squeezenet1_1": 128} if given.quick else {"resnet20": None, "squeezenet1_1": None}
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "numpy": np.__version__}
    print(json.dumps({"efficiency": efficiency(limits, given.model), "machine": machine}))


if __name__ == "__main__":
    main()
