"""Treated nets as programs that run without this package: torch.export, read back and compared."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from eyechart.models.preprocessing import Preprocessing
from eyechart.models.treated import RECIPE
from eyechart.remedies.treatment import Treatment

CLOSE = 1e-5  # of the largest answer


def export(found: Treatment, path: Path) -> str:
    """Write a treated net as ``FILE.pt2``, for any number of frames of its size, with its preprocessing and classes.

    It is written beside its place first, read back, and must give the same answers (1e-5 of the largest): only then is it put
    there, so that a file that was there stays if anything fails.

    Returns:
        Why there is no file, as a clause; empty where there is one.
    """
    seen = Preprocessing.from_dict(dict(found.recipe["preprocessing"]), where="the recipe")
    net = copy.deepcopy(found.net).cpu().eval()
    some = torch.randn(2, seen.channels, *seen.size, generator=torch.Generator().manual_seed(0))
    draft = path.with_name(f".{path.stem}.part.pt2")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler's own, and none is about the net
            program = torch.export.export(net, (some,), dynamic_shapes=({0: torch.export.Dim("n")},))
            torch.export.save(program, draft, extra_files={RECIPE: json.dumps(found.recipe)})
            gap = _gap(net, torch.export.load(draft).module(), some)
    except Exception as error:  # what a compiler cannot follow it says in many ways
        draft.unlink(missing_ok=True)
        return f"torch.export cannot follow it: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if gap <= CLOSE:
        draft.replace(path)
        return ""
    draft.unlink()
    return f"the program answers otherwise than the net, by {gap:.1g} of the largest answer"


@torch.no_grad()
def _gap(net: nn.Module, program: nn.Module, some: Tensor) -> float:
    """Largest difference over two frames and over three, as a share of the largest answer."""
    gaps = []
    for frames in (some, torch.cat([some, some[:1].flip(3)])):
        wanted = net(frames)
        gaps.append(float((program(frames) - wanted).abs().max() / wanted.abs().max()))
    return max(gaps)
