"""The frozen form of a net that exams are run on: input-frame pixels in, one row of answers per image out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn

from eyechart.errors import ClassMapError
from eyechart.models.answers import Announced, Outputs, resolve_outputs, tensor_of
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.fingerprint import fingerprint
from eyechart.models.fold import folded
from eyechart.models.fuse import fused, with_weights_of
from eyechart.models.normalise import Normaliser
from eyechart.models.plain import PlainNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.private_copy import device_of, private_copy, unwrapped
from eyechart.models.probe import Probe

TINY = float(torch.finfo(torch.float32).tiny)


@dataclass(frozen=True, eq=False)
class ImageModel:
    """Geometry, normalisation and a private, evaluation-only copy of a net. Build it with ``ImageModel.of``.

    Attributes:
        name: as the user wrote it.
        net: eval mode, float32, no gradients, BatchNorm folded, channels_last, on ``device``.
        preprocessing: how an original becomes an input frame, and how that is normalised.
        outputs: what the net returns; probabilities become log p in ``forward``. ``nothing``: there is no net.
        n_outputs: number of columns of an answer.
        fingerprint: of the original weights, the structure and ``outputs`` (see ``fingerprint``).
        device: of the net.
        class_names: in the order of the outputs; empty if unknown.
        class_ids: WordNet ids in the order of the outputs for ImageNet models, else empty.
        channels_last: whether the net takes that layout; if not, ``forward`` converts.
        remarks: what a user should know, such as what was folded or guessed.
        source: where the model comes from (spec, architecture, weights).
        plain: the net before folding, for other weights; None where there is no net.
        quick: a twin of ``net`` on the same weights, for answers without gradients (see ``fused``); None = ``net`` itself.
    """

    name: str
    net: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    outputs: Outputs
    n_outputs: int
    fingerprint: str
    device: torch.device
    class_names: tuple[str, ...] = field(default=(), repr=False)
    class_ids: tuple[str, ...] = field(default=(), repr=False)
    channels_last: bool = True
    remarks: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    plain: PlainNet | None = field(default=None, repr=False)
    quick: fx.GraphModule | None = field(default=None, repr=False)
    _normalise: Normaliser = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_normalise", Normaliser.of(self.preprocessing, self.device))

    @classmethod
    def of(
        cls,
        module: nn.Module,
        preprocessing: Preprocessing,
        *,
        name: str,
        architecture: str = "",
        outputs: Announced = "auto",
        device: str | torch.device = "auto",
        source: Mapping[str, Any] | None = None,
        remarks: tuple[str, ...] = (),
    ) -> ImageModel:
        """Copy ``module``, try it on a few frames, and fold it. ``module`` and all global state stay as they are.

        Raises:
            ModelOutputError: it fails on its own frames, or its answers are unusable or not what ``outputs`` says.
            SettingError: the device is not there, or the module cannot be copied.
        """
        with global_chance_untouched():
            place = device_of(device)
            net, copied = private_copy(module, place)
            probe = Probe.of(net, preprocessing, name, place)
            kind, guessed = resolve_outputs(probe.rows, outputs, name)
            ready = folded(net, probe.run)
            plain = PlainNet.of(net, ready.pairs, probe.run)
            quick = fused(ready.net, probe.run)
        return cls(
            name=name,
            net=ready.net,
            preprocessing=preprocessing,
            outputs=kind,
            n_outputs=probe.rows.shape[1],
            fingerprint=fingerprint(unwrapped(module), architecture or type(unwrapped(module)).__qualname__, kind),
            device=place,
            channels_last=probe.channels_last,
            remarks=(*remarks, *copied, *guessed, *probe.remarks, *ready.remarks),
            source=dict(source or {}),
            plain=plain,
            quick=quick,
        )

    @classmethod
    def frame_only(cls, preprocessing: Preprocessing, class_names: tuple[str, ...] = ()) -> ImageModel:
        """No model: a frame in which images are looked at, for exams of images alone."""
        return cls(
            name="no model",
            net=nn.Identity(),
            preprocessing=preprocessing,
            outputs="nothing",
            n_outputs=len(class_names),
            fingerprint="none",
            device=torch.device("cpu"),
            class_names=class_names,
            source={"spec": "no model"},
        )

    def with_net(self, net: nn.Module) -> ImageModel:
        """The same model with a net of the same make, folded like this one."""
        return replace(self, net=net, quick=self.quick and with_weights_of(net, self.quick.graph))

    def with_classes(self, names: tuple[str, ...], ids: tuple[str, ...] = ()) -> ImageModel:
        """The same model with class names (and WordNet ids) in the order of its outputs.

        Raises:
            ClassMapError: their number is not that of the outputs.
        """
        for given in (names, ids):
            if given and len(given) != self.n_outputs:
                raise ClassMapError(
                    f"{len(given)} class names are given for {self.n_outputs} outputs.",
                    setting="--classes",
                    value=", ".join(given[:5]),
                    way_out=f"Give a file with {self.n_outputs} lines, one name a line, in the order of the outputs.",
                )
        return replace(self, class_names=tuple(names), class_ids=tuple(ids))

    @property
    def kind(self) -> Literal["logits", "embedding", "none"]:
        """What an answer is: ``logits`` (log p included) or ``embedding``; ``none`` where there is only a frame."""
        if self.outputs == "nothing":
            return "none"
        return "embedding" if self.outputs == "embedding" else "logits"

    def buffer(self, n: int) -> Tensor:
        """Uninitialised frames, (n, c, h, w) float32 channels_last on the device."""
        shape = (n, self.preprocessing.channels, *self.preprocessing.size)
        return torch.empty(shape, dtype=torch.float32, device=self.device, memory_format=torch.channels_last)

    def normalise(self, pixels: Tensor, out: Tensor) -> Tensor:
        """Write ``(pixels - mean) / std`` into ``out`` and return it.

        Args:
            pixels: (n, c, h, w), floating in [0, 1] or uint8 in 0..255; fast when channels_last.
            out: (n, c, h, w) float32, such as a slice of ``buffer``.
        """
        return self._normalise(pixels, out)

    @property
    def normaliser(self) -> Normaliser:
        """What ``normalise`` does, and what gradients need beside it."""
        return self._normalise

    def laid_out(self, frames: Tensor) -> Tensor:
        """Frames (n, c, h, w) in the memory layout that the net takes."""
        return frames if self.channels_last else frames.contiguous()

    def forward(self, normalised: Tensor) -> Tensor:
        """Answers (n, k) float32 to normalised frames (n, c, h, w): logits, log p or an embedding.

        Differentiable with respect to the frames where gradients are enabled.
        """
        net = self.net if self.quick is None or torch.is_grad_enabled() else self.quick
        return self.read(net(self.laid_out(normalised)), normalised.shape[0])

    def read(self, answer: object, n: int) -> Tensor:
        """What the net returns for n frames as answers (n, k) float32."""
        rows = tensor_of(answer, n, self.name)
        return rows.clamp_min(TINY).log() if self.outputs == "probabilities" else rows

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Answers (n, k) to ``pixels`` (as for ``normalise``) without gradients."""
        return self.forward(self.normalise(pixels, self.buffer(pixels.shape[0])))
