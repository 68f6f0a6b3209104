"""What a net hands back, and whether it is what was announced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from eyechart.errors import ModelOutputError

Outputs = Literal["logits", "probabilities", "embedding", "nothing"]
Announced = Literal["auto", "logits", "probabilities", "embedding"]


def tensor_of(answer: object, n: int, name: str) -> Tensor:
    """The (n, k) float32 answer, taken out of a tuple, mapping or object with ``.logits`` if need be.

    Raises:
        ModelOutputError: there is no tensor of that shape.
    """
    found = _unwrapped(answer)
    if not isinstance(found, Tensor):
        raise wrong("The model does not answer with a tensor.", name, _describe(answer), "Wrap it to return logits.")
    if found.ndim != 2 or found.shape[0] != n or found.shape[1] < 1:
        raise wrong(
            f"The model must answer {n} images with a tensor of shape ({n}, classes).",
            name,
            f"shape {tuple(found.shape)}",
            "Wrap it so that it pools, flattens or selects its output to one row per image.",
        )
    if found.is_complex() or not (found.is_floating_point() or found.dtype == torch.bool):
        raise wrong(
            "The model's answer is not made of reals.", name, f"dtype {found.dtype}", "Return scores as floats."
        )
    return found.float()


def resolve_outputs(rows: Tensor, announced: Announced, name: str) -> tuple[Outputs, tuple[str, ...]]:
    """What the rows (n, k) are, given what the user announced; and a remark where it was guessed.

    Raises:
        ModelOutputError: NaN or infinity; fewer than two classes; rows that contradict what was announced.
    """
    if not bool(torch.isfinite(rows).all()):
        raise wrong(
            "The model answers ordinary frames with NaN or infinity.",
            name,
            f"{int((~torch.isfinite(rows)).sum())} of {rows.numel()} values",
            "Check the weights file, --preprocess and the number format the weights were saved in.",
        )
    if announced == "embedding":
        return "embedding", ()
    if rows.shape[1] < 2:
        raise wrong(
            "The model gives one number per image, so there is no class to choose.",
            name,
            f"shape {tuple(rows.shape)}",
            "Return one column per class, or use --outputs embedding.",
        )
    looks = look_like_probabilities(rows)
    if announced == "logits" and looks:
        raise _contradiction(announced, "rows in [0, 1] that sum to 1", "Use --outputs probabilities.")
    if announced == "probabilities" and not looks:
        raise _contradiction(announced, _spread(rows), "Use --outputs logits, or end the model with a softmax.")
    if looks and announced == "auto":
        return "probabilities", ("answers taken as probabilities: rows in [0, 1] that sum to 1",)
    return ("probabilities" if looks else "logits"), ()


def look_like_probabilities(rows: Tensor) -> bool:
    """Whether every row lies in [0, 1] and sums to 1 within 1e-3."""
    inside = bool(((rows >= 0) & (rows <= 1 + 1e-6)).all())
    return inside and bool(((rows.sum(1) - 1).abs() <= 1e-3).all())


def wrong(problem: str, name: str, value: str, way_out: str) -> ModelOutputError:
    """A ModelOutputError about the model ``name``."""
    return ModelOutputError(problem, setting=f"model {name}", value=value, way_out=way_out)


def _contradiction(announced: str, found: str, way_out: str) -> ModelOutputError:
    problem = f"The model's answers are not what was announced: on probe frames they are {found}."
    return ModelOutputError(problem, setting="--outputs", value=announced, way_out=way_out)


def _spread(rows: Tensor) -> str:
    sums = rows.sum(1)
    return (
        f"between {float(rows.min()):.3g} and {float(rows.max()):.3g}, "
        f"with sums from {float(sums.min()):.3g} to {float(sums.max()):.3g}"
    )


def _unwrapped(answer: object) -> object:
    if isinstance(answer, Tensor):
        return answer
    logits = getattr(answer, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    if isinstance(answer, Mapping):
        tensors = {key: value for key, value in answer.items() if isinstance(value, Tensor)}
        return tensors.get("logits", next(iter(tensors.values())) if len(tensors) == 1 else None)
    if isinstance(answer, (tuple, list)) and answer:
        return answer[0]
    return None


def _describe(answer: object) -> str:
    if isinstance(answer, Mapping):
        return f"{type(answer).__name__} with keys {', '.join(map(str, answer))}"
    return type(answer).__name__


def lead(rows: Tensor) -> Tensor:
    """(n,) the largest output less the mean of all, of logits or log p (n, k), k > 1: what the answer hangs on.

    What is added to all classes alike drops out, as it does from the probabilities; so logits and their log p have one lead.
    A single output is taken as it is.
    """
    return rows.amax(1) - (rows.mean(1) if rows.shape[1] > 1 else 0.0)
