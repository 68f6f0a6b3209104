"""What corrupting images costs, against imagecorruptions 1.1.2, which most people use: side by side, in one run.

Ours takes a batch of 8-bit frames through ``eyechart.views.corruptions`` as the engine does, in its portions; theirs calls
``corrupt`` image by image. Both use the parameters of 224 pixels (theirs knows no other), both end with the float tensor that a
net takes. Every corruption of ours that is there is timed. ``faster`` is their time over ours, of each corruption and of sums:
``all``, ``without_glass`` (its loop over pixels takes most of their time), ``common`` (the fifteen of a mean corruption error).

    python benchmarks/corruptions.py                     # frames of 224 and 32 pixels; needs the extra ``bench``
    python benchmarks/corruptions.py --only zoom_blur --sides 224

imagecorruptions is of 2020. Three names that it uses have gone from its libraries since and are put back here: scikit-image's
``multichannel`` and SciPy's ``ndimage.interpolation``, and numpy's ``float_``. Its loops are left as they are. It is timed on
``--theirs`` of the images, each of which costs it the same, and scaled. OpenCV runs on as many threads as torch.

``--clock cpu`` counts the time of processors instead of the clock on the wall: on a machine that others use, too, and with one
thread, the steadier figure.

Prints one JSON object on stdout; times are taken in turns, and the fastest turn of each counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.ndimage
import skimage.filters
import torch
from PIL import Image

import eyechart
from eyechart.core.view import Pixels
from eyechart.run.forward import together
from eyechart.run.render import show, unit
from eyechart.views.corruptions.corrupted import CORRUPTIONS, Corrupted

Array = np.ndarray[Any, Any]
Corrupt = Callable[..., Array]
PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "shared" / "data" / "imagenet_samples"
EXTRA = tuple(CORRUPTIONS)[15:]


def corrupt_of_imagecorruptions() -> Corrupt:
    """Its function, with what has gone from its libraries put back."""
    plain = skimage.filters.gaussian

    def gaussian(*given: Any, multichannel: bool = False, **settings: Any) -> Array:
        return np.asarray(plain(*given, channel_axis=-1 if multichannel else None, **settings))

    interpolation = types.ModuleType("scipy.ndimage.interpolation")
    interpolation.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
    sys.modules["scipy.ndimage.interpolation"] = interpolation
    skimage.filters.gaussian = gaussian
    np.float_ = np.float64  # type: ignore[attr-defined]
    from imagecorruptions import corrupt  # noqa: PLC0415

    skimage.filters.gaussian = plain
    return corrupt  # type: ignore[no-any-return]


def frames(folder: Path, side: int, n: int) -> Array:
    """(n, side, side, 3) uint8, of the first photographs of a folder."""
    files = sorted(folder.glob("*.jpg"))[:n]
    pictures = (Image.open(file).convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for file in files)
    return np.stack([np.asarray(picture) for picture in pictures])


def ours(images: torch.Tensor, view: Corrupted) -> None:
    """All frames (n, c, h, w) uint8, in the engine's portions."""
    step = together(images)
    for start in range(0, len(images), step):
        part = images[start : start + step]
        show(view, Pixels(unit(part), tuple(map(str, range(start, start + len(part)))), 0))
    if images.device.type == "cuda":
        torch.cuda.synchronize()


def theirs(images: Array, corrupt: Corrupt, view: Corrupted) -> None:
    """Image by image."""
    for image in images:
        corrupted = corrupt(image, corruption_name=view.corruption, severity=view.severity)
        torch.from_numpy(corrupted).permute(2, 0, 1).float().div_(255)


def took(work: Callable[[], None]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Watch:
    """How times are taken."""

    clock: Callable[[], float]
    turns: int

    def fastest(self, *work: Callable[[], None]) -> list[float]:
        """Seconds: the fastest of several turns of each, taken in turns."""

        def took(one: Callable[[], None]) -> float:
            began = self.clock()
            one()
            return self.clock() - began

        return [min(times) for times in zip(*([took(one) for one in work] for _ in range(self.turns)), strict=True)]


def milliseconds(given: Array, few: int, view: Corrupted, corrupt: Corrupt, watch: Watch) -> tuple[float, float]:
    """Of ours and of theirs, an image; ours warms up before."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.from_numpy(given).permute(0, 3, 1, 2).to(device)
    ours(images, view)
    mine, their = watch.fastest(partial(ours, images, view), partial(theirs, given[:few], corrupt, view))
    return 1e3 * mine / len(given), 1e3 * their / few


def summed(times: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Milliseconds an image and ratios, of each corruption and of sums."""
    groups = {
        "all": list(times),
        "without_glass": [name for name in times if name != "glass_blur"],
        "common": [name for name in times if name not in EXTRA],
        "common_without_glass": [name for name in times if name not in (*EXTRA, "glass_blur")],
    }
    sums = {group: tuple(sum(times[n][i] for n in names) for i in (0, 1)) for group, names in groups.items()}
    found = {**times, **{group: pair for group, pair in sums.items() if pair[0] > 0}}
    return {
        name: {"ours_ms": round(mine, 3), "theirs_ms": round(their, 3), "faster": round(their / mine, 2)}
        for name, (mine, their) in found.items()
    }


def main() -> None:
    """Parse arguments, measure, print."""
    there = [name for name, file in CORRUPTIONS.items() if find_spec(f"eyechart.views.corruptions.{file}")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", nargs="+", type=int, default=[224, 32])
    parser.add_argument("--only", nargs="+", choices=there, default=there)
    parser.add_argument("--images", type=Path, default=PHOTOGRAPHS, help="folder of JPEG files")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--theirs", type=int, default=4, help="images on which theirs is timed")
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    chosen = parser.parse_args()
    watch = Watch(time.perf_counter if chosen.clock == "wall" else time.process_time, chosen.turns)
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    corrupt = corrupt_of_imagecorruptions()
    found: dict[str, Any] = {"eyechart": eyechart.__version__, "torch": torch.__version__, "opencv": cv2.__version__}
    found |= {"batch": chosen.batch, "severity": chosen.severity, "threads": chosen.threads, "clock": chosen.clock}
    with torch.inference_mode():
        for side in chosen.sides:
            given = frames(chosen.images, side, chosen.batch)
            views = {name: Corrupted(name, chosen.severity, column="imagenet") for name in chosen.only}
            times = {n: milliseconds(given, chosen.theirs, view, corrupt, watch) for n, view in views.items()}
            found[f"side_{side}"] = summed(times)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
