"""A first look at a net: does it answer its own input frames, always alike, each image for itself?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eyechart.errors import ModelOutputError
from eyechart.models.answers import tensor_of
from eyechart.models.normalise import Normaliser
from eyechart.models.preprocessing import Preprocessing

ALIKE = 1e-4  # of the largest absolute answer


@dataclass(frozen=True, eq=False)
class Probe:
    """Answers of a net to four seeded frames: noise, faint noise, grey, and a ramp from black to white.

    Attributes:
        frames: (4, c, h, w) normalised.
        rows: (4, k) answers.
        channels_last: False if the net fails on that memory layout (as code with ``view`` after a convolution does).
        remarks: what was noticed.
    """

    name: str
    frames: Tensor
    rows: Tensor
    channels_last: bool = True
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, net: nn.Module, preprocessing: Preprocessing, name: str, device: torch.device) -> Probe:
        """Run ``net`` (a private copy: its memory layout may be changed) on the frames.

        Raises:
            ModelOutputError: it fails on both memory layouts, or gives no (n, k) tensor.
        """
        frames = probe_frames(preprocessing).to(device)
        frames = Normaliser.of(preprocessing, device)(frames, torch.empty_like(frames))
        remarks: tuple[str, ...] = ()
        try:
            rows = _run(net, frames, name)
        except ModelOutputError:
            raise
        except Exception:  # whatever a user's forward raises; the other layout is tried before giving up
            frames, net = frames.contiguous(), net.to(memory_format=torch.contiguous_format)
            rows = _run_or_explain(net, frames, name)
            remarks = (
                "takes contiguous frames only (a view of strided memory?): frames are converted, which costs time",
            )
        return cls(name, frames, rows, not remarks, remarks + _manners(net, frames, rows, name))

    def run(self, net: nn.Module, n: int = 4) -> Tensor:
        """Answers (n, k) of another form of the net to the first n of the same frames."""
        return _run(net, self.frames[:n], self.name)


def probe_frames(preprocessing: Preprocessing) -> Tensor:
    """The four frames, (4, c, h, w) float32 in [0, 1], channels_last; the same in every session."""
    shape = (preprocessing.channels, *preprocessing.size)
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    ramp = torch.linspace(0.0, 1.0, shape[2]).expand(shape)
    frames = torch.stack([noise, 0.4 + 0.2 * noise, torch.full(shape, 0.5), ramp])
    return frames.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _run(net: nn.Module, frames: Tensor, name: str) -> Tensor:
    return tensor_of(net(frames.clone()), len(frames), name)  # a clone: some nets begin with an in-place step


def _run_or_explain(net: nn.Module, frames: Tensor, name: str) -> Tensor:
    try:
        return _run(net, frames, name)
    except ModelOutputError:
        raise
    except Exception as error:
        way_out = "Check the size and channels given with --preprocess, and that any batch size is accepted."
        if any(words in str(error) for words in ("does not require grad", "Inference tensors", "inference tensor")):
            way_out = (
                "It asks for derivatives while it answers: let it do so within torch.inference_mode(False) and "
                "torch.enable_grad(), on a clone of its frames."
            )
        raise ModelOutputError(
            f"The model fails on its own input frames, shape {tuple(frames.shape)}: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}.",
            setting="model",
            value=name,
            way_out=way_out,
        ) from error


def _manners(net: nn.Module, frames: Tensor, rows: Tensor, name: str) -> tuple[str, ...]:
    scale = ALIKE * float(rows.abs().max())
    if not torch.isfinite(rows).all():
        return ()
    again = _run_or_explain(net, frames, name)
    if not torch.equal(again, rows):
        return ("not deterministic: two passes over the same frames answer differently, though in eval mode",)
    alone = _run_or_explain(net, frames[:1], name)
    if not torch.allclose(alone, rows[:1], rtol=0.0, atol=scale):
        return ("the answer to an image depends on the other images of its batch",)
    return ()
