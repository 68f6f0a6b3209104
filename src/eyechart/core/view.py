"""Views: ways of showing an image to a model. Frozen values, so that equal views are one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:  # source views run in decode workers, which must start without torch
    import torch
    from PIL import Image

    from eyechart.images.original import Original
    from eyechart.models.image_model import ImageModel
    from eyechart.models.preprocessing import Preprocessing

Notes = Mapping[str, "np.ndarray[Any, Any]"]
T = TypeVar("T")


@dataclass(frozen=True)
class View(ABC):
    """A way of showing an image.

    Attributes:
        stage: ``source`` (in the decode workers, on the original) or ``input`` (batched, in the model's frame).
        stream: name of the random stream; views with one stream draw the same numbers for the same image, so paired
            frames share their place. Empty: no chance involved.
        cost: forwards of the model needed to render one image, a backward counted as two (0 for all but attacks).
    """

    stage: ClassVar[Literal["source", "input"]]

    @property
    def stream(self) -> str:
        """Name of the random stream."""
        return ""

    @property
    def cost(self) -> int:
        """Forwards (a backward counts as two) needed to render one image."""
        return 0

    def then(self, after: InputView | Chain) -> Chain:
        """Show ``after`` of what this view shows. Raises TypeError if ``after`` starts from the original."""
        return Chain((*_steps(self), *_steps(after)))


@dataclass(frozen=True)
class Frame:
    """What a source view shows of one image.

    Attributes:
        picture: in the model's input size, 8 bit.
        notes: numbers about this rendering (effective shift, share clipped).
        valid: False where the view cannot be drawn for this image; the image then has no part in it.
    """

    picture: Image.Image
    notes: Mapping[str, float] = field(default_factory=dict)
    valid: bool = True


@dataclass(frozen=True)
class SourceView(View):
    """Drawn from the original's 8-bit pixels, one image at a time, in the decode workers."""

    stage = "source"

    @property
    def partner(self) -> int | None:
        """Number of the image's partner whose original is drawn; None: its own."""
        return None

    @abstractmethod
    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Draw the input frame. ``rng`` is seeded by (run seed, stream, image id)."""


@dataclass(frozen=True)
class Shown:
    """What an input view shows of a batch: pixels (n, c, h, w), per-image notes, and which images it could show."""

    pixels: torch.Tensor
    notes: Notes = field(default_factory=dict)
    valid: np.ndarray[Any, Any] | None = None


Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, eq=False)
class Attacked:
    """What an attack is handed beside the pixels.

    Attributes:
        model: that is asked, with the query's weights.
        labels: (n,) index of the true class among the model's outputs, -1 where unknown.
        precision: in which an attack may search; what it claims is confirmed in float32.
        spare: images that the model gets wrong as they are, are left as they are.
    """

    model: ImageModel
    labels: np.ndarray[Any, Any]
    precision: Precision = "float32"
    spare: bool = True


class Pixels:
    """A batch in the model's frame, with intermediate results shared between its views.

    Attributes:
        tensor: (n, c, h, w) float32 in [0, 1], channels_last.
        ids: of the images, for streams.
        seed: of the run.
        notes: what the views before say about it.
        beside: the frames of other source views of the same images, for views that mix them in.
        attacked: what attacks are handed; None where nobody asks a model.
        before: (n, c, h, w), what the source view showed, before all steps.
    """

    def __init__(
        self,
        tensor: torch.Tensor,
        ids: tuple[str, ...],
        seed: int,
        notes: Notes | None = None,
        beside: Mapping[SourceView, Pixels] | None = None,
        remember: int = 4,
        attacked: Attacked | None = None,
        before: torch.Tensor | None = None,
    ) -> None:
        self.tensor, self.ids, self.seed, self.notes = tensor, ids, seed, notes or {}
        self.attacked, self.before = attacked, tensor if before is None else before
        self.beside: Mapping[SourceView, Pixels] = beside or {}
        self._remember = remember
        self._kept: dict[object, Any] = {}

    def shared(self, key: object, make: Callable[[], T]) -> T:
        """``make()``, or its value from an earlier view of this batch (the few latest are kept)."""
        if key in self._kept:
            value = self._kept.pop(key)
        else:
            value = make()
            while len(self._kept) >= self._remember:
                del self._kept[next(iter(self._kept))]
        self._kept[key] = value
        return value  # type: ignore[no-any-return]


@dataclass(frozen=True)
class InputView(View):
    """Rendered for a whole batch on the device; must return channels_last tensors and leave its input unchanged."""

    stage = "input"

    @property
    def beside(self) -> SourceView | None:
        """The source view whose frame it mixes in, to be found in ``batch.beside``; None: it shows the batch alone."""
        return None

    @property
    def besides(self) -> tuple[SourceView, ...]:
        """All source views whose frames it needs: ``beside``, for most."""
        return () if self.beside is None else (self.beside,)

    @abstractmethod
    def render(self, batch: Pixels) -> Shown:
        """Render the batch."""


@dataclass(frozen=True)
class Plain(SourceView):
    """The image as the model's own preprocessing shows it."""

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Resize and crop as the model's preprocessing says."""
        return Frame(preprocessing.frame(original.picture))


@dataclass(frozen=True)
class Partner(SourceView):
    """Another image of the set as the model's own preprocessing shows it: B, to be set against the image itself, A.

    Which image that is: see ``eyechart.run.partners``. Not valid where that cannot be decoded, or there is none.

    Attributes:
        number: which of the image's partners, from 0.

    Notes: ``partner_label`` (as the model's output number, -1 = none) and ``partner_position`` in the seeded order.
    """

    number: int = 0

    @property
    def partner(self) -> int:
        """``number``."""
        return self.number

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Resize and crop the partner's original."""
        return Frame(preprocessing.frame(original.picture))


@dataclass(frozen=True)
class Chain(View):
    """Views one after another: at most one source view, first, then input views."""

    steps: tuple[View, ...] = ()
    stage = "input"

    def __post_init__(self) -> None:
        if not all(isinstance(step, InputView) for step in self.steps[1:]):
            raise TypeError(f"a view drawn from the original can only come first: {self.steps}")

    @property
    def stream(self) -> str:
        """Streams of all steps, joined."""
        return "+".join(step.stream for step in self.steps if step.stream)

    @property
    def cost(self) -> int:
        """Of all steps together."""
        return sum(step.cost for step in self.steps)


def split_stages(view: View) -> tuple[SourceView, tuple[InputView, ...]]:
    """The source view a view starts from (Plain if it names none), and the input views that follow."""
    steps = _steps(view)
    if isinstance(steps[0], SourceView):
        return steps[0], tuple(s for s in steps[1:] if isinstance(s, InputView))
    return Plain(), tuple(s for s in steps if isinstance(s, InputView))


def sources_of(view: View) -> tuple[SourceView, ...]:
    """The source view a view starts from, then those that its steps mix in; each once."""
    first, steps = split_stages(view)
    return tuple(dict.fromkeys((first, *(view for step in steps for view in step.besides))))


def _steps(view: View) -> tuple[View, ...]:
    return view.steps if isinstance(view, Chain) else (view,)
