"""How an original picture becomes a model's input frame, and how that frame is normalised."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any, ClassVar, Literal

from PIL import Image

from eyechart.errors import PreprocessingError

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

FILTERS: dict[str, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Preprocessing:
    """Geometry (resize, then centre crop) and normalisation of a model's input.

    The geometry is that of torchvision's ``Resize`` and ``CenterCrop`` on PIL images, pixel for pixel: Pillow's own
    antialiased filters, the long side truncated, the crop offset rounded half to even, zeros where the crop is larger
    than the picture (its larger half on the far side).

    Attributes:
        size: input frame ``(height, width)`` in pixels.
        resize: short side in pixels before the crop, ``(height, width)`` to squash to, or None to leave the picture.
        crop: take the centre ``size`` window after the resize. Without it the resized picture must have ``size``.
        interpolation: Pillow filter of the resize.
        mean, std: per channel, in units of [0, 1] pixels; the net sees ``(pixels - mean) / std``.

    Raises:
        PreprocessingError: on sizes below 1, unknown filters, or a std that is not positive.
    """

    EXAMPLE: ClassVar[str] = (
        "size = 224; resize = 256; interpolation = 'bilinear'; mean = [0.485, 0.456, 0.406]; "
        "std = [0.229, 0.224, 0.225] (one setting a line)."
    )

    size: tuple[int, int]
    resize: int | tuple[int, int] | None = None
    crop: bool = True
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        sides = [*self.size, *_pair(self.resize)]
        if len(self.size) != 2 or min(sides) < 1:
            raise _wrong("size, resize", sides, "Sides are whole pixels, 1 or more.")
        if self.interpolation not in FILTERS:
            raise _wrong("interpolation", self.interpolation, f"Known: {', '.join(FILTERS)}.")
        paired = len(self.mean) == len(self.std) and len(self.mean) in (1, 3)
        if not paired or not all(map(isfinite, self.mean)) or not all(0 < s < inf for s in self.std):
            way_out = "Give one mean and one positive std for each of 3 channels (or 1)."
            raise _wrong("mean, std", (self.mean, self.std), way_out)

    @property
    def channels(self) -> int:
        """Number of input channels, 1 or 3."""
        return len(self.mean)

    def frame(self, picture: Image.Image) -> Image.Image:
        """Resize and crop ``picture`` to the input frame."""
        picture = self._resized(picture)
        width, height = picture.size
        if (height, width) == self.size:
            return picture
        if not self.crop:
            way_out = f"After the resize the picture is {height}x{width}: set crop, or resize to the size."
            raise _wrong("crop", False, way_out)
        rows, columns = self.size
        left, top = self.corner(width, height)
        return picture.crop((left, top, left + columns, top + rows))

    def resized_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of a picture after the resize, before the crop."""
        if self.resize is None:
            return width, height
        if isinstance(self.resize, tuple):
            return self.resize[1], self.resize[0]
        if width <= height:
            return self.resize, int(self.resize * height / width)
        return int(self.resize * width / height), self.resize

    def corner(self, width: int, height: int) -> tuple[int, int]:
        """(left, top) of the input frame in a resized picture; negative where the frame is larger."""
        return _offset(width, self.size[1]), _offset(height, self.size[0])

    def _resized(self, picture: Image.Image) -> Image.Image:
        target = self.resized_size(*picture.size)
        return picture if target == picture.size else picture.resize(target, FILTERS[self.interpolation])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as stored in ``run.json`` and accepted by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any], where: str = "--preprocess") -> Preprocessing:
        """Read plain data: size (int or pair), resize, crop, interpolation, mean, std."""
        unknown = sorted(set(settings) - set(cls.__dataclass_fields__))
        if unknown:
            raise _wrong(where, unknown, f"There is no such setting; these may be given: {cls.EXAMPLE}")
        if "size" not in settings:
            raise _wrong(where, sorted(settings), f"Give size, and any of the others: {cls.EXAMPLE}")
        try:
            return cls(
                size=_square(_pair(settings["size"])),
                resize=_side(settings.get("resize")),
                crop=_flag(settings.get("crop", True)),
                interpolation=settings.get("interpolation", "bilinear"),
                mean=tuple(float(v) for v in settings.get("mean", (0.0, 0.0, 0.0))),
                std=tuple(float(v) for v in settings.get("std", (1.0, 1.0, 1.0))),
            )
        except (TypeError, ValueError) as error:
            raise _wrong(where, settings, f"A value has the wrong type: {error}.") from error

    @classmethod
    def from_file(cls, path: str | Path) -> Preprocessing:
        """Read a TOML file with the keys of ``from_dict``."""
        try:
            settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _wrong("--preprocess", path, f"The file cannot be read as TOML: {error}.") from error
        return cls.from_dict(settings, where=f"--preprocess {path}")


def _offset(length: int, wanted: int) -> int:
    """Where torchvision's CenterCrop begins: half the surplus rounded to even, but half the lack rounded down."""
    return round((length - wanted) / 2.0) if length >= wanted else -((wanted - length) // 2)


def _pair(side: Any) -> tuple[int, ...]:
    """No, one or two whole numbers as a tuple."""
    sides = () if side is None else tuple(side) if isinstance(side, (list, tuple)) else (side,)
    if any(isinstance(s, bool) or not isinstance(s, int) for s in sides) or len(sides) > 2:
        raise TypeError(f"{side!r} is not a whole number of pixels, nor a pair of them")
    return sides


def _square(sides: tuple[int, ...]) -> tuple[int, int]:
    if not sides:
        raise TypeError("size has no side")
    return sides[0], sides[-1]


def _side(value: Any) -> int | tuple[int, int] | None:
    pair = _pair(value)
    return None if not pair else pair[0] if len(pair) == 1 else (pair[0], pair[1])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _wrong(setting: str, value: object, way_out: str) -> PreprocessingError:
    return PreprocessingError("The preprocessing cannot be used.", setting=setting, value=value, way_out=way_out)
