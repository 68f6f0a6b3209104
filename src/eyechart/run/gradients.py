"""Input gradients, image by image."""

from __future__ import annotations

import torch

from eyechart.models.image_model import ImageModel


def loss_gradient(model: ImageModel, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Gradient of each image's negative log likelihood with respect to its own pixels.

    What goes back into the net is softmax minus label, taken in float64 and scaled to 1 in its largest entry: for images
    of which the model is certain, float32 would give exact zeros.

    Args:
        pixels: (n, c, h, w) floating, before normalisation.
        labels: (n,) output numbers, none of them -1.

    Returns:
        (n, c, h, w) float32 in loss (nats) per unit of pixel value.
    """
    normalisation = model.preprocessing.mean, model.preprocessing.std
    with torch.inference_mode(False), torch.enable_grad():
        mean, std = (torch.tensor(v, device=pixels.device).view(1, -1, 1, 1) for v in normalisation)
        frames = pixels.clone(memory_format=torch.channels_last).requires_grad_()
        logits = model.forward((frames - mean) / std)
        back, size = _upstream(logits.detach(), labels.clone())
        (gradient,) = torch.autograd.grad(logits, frames, back)
    return gradient * size.view(-1, 1, 1, 1).to(gradient.dtype)


def differentiable(model: ImageModel) -> bool:
    """Whether the model's answers depend on its pixels in a way that autograd can follow."""
    frames = torch.full((1, model.preprocessing.channels, *model.preprocessing.size), 0.5, device=model.device)
    try:
        loss_gradient(model, frames, torch.zeros(1, dtype=torch.int64, device=model.device))
    except RuntimeError:  # no graph, or an operation without a derivative
        return False
    return True


def _upstream(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivative of the loss with respect to the logits, (n, k) with largest magnitude 1, and that magnitude (n,)."""
    exact = torch.float32 if logits.device.type == "mps" else torch.float64  # which has no float64
    p = logits.to(exact).softmax(1)
    at = labels[:, None]
    p = p.scatter(1, at, 0.0)
    p = p.scatter(1, at, -p.sum(1, keepdim=True))  # 1 - p of the label, without cancellation
    size = p.abs().amax(1).clamp_min(torch.finfo(exact).tiny)
    return (p / size[:, None]).to(logits.dtype), size
