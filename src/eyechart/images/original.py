"""One original picture, decoded, as the source views see it in the decode workers."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image


@dataclass
class Original:
    """An RGB picture at full resolution, with resizes remembered while its views are drawn.

    Attributes:
        picture: 8-bit RGB, loaded, without metadata.
        remark: what had to be done to read it (``"CMYK converted to RGB"``), or empty.
        mask: of its object, in the picture's size, 8-bit grey: 255 where the object is, else 0; None: nobody knows.
    """

    picture: Image.Image
    remark: str = ""
    mask: Image.Image | None = None
    _resized: dict[tuple[int, int, int], Image.Image] = field(default_factory=dict, repr=False)

    def resized(self, width: int, height: int, filter: Image.Resampling) -> Image.Image:
        """The whole picture at ``width`` x ``height``; asked twice, resized once."""
        key = (width, height, int(filter))
        if key not in self._resized:
            self._resized[key] = self.picture.resize((width, height), filter)
        return self._resized[key]
