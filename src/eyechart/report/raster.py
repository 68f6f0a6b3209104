"""Pixels within a drawing: lossless PNG data in an SVG image."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from eyechart.report.svg import element


def place(image: Image.Image, x: float, y: float, width: float, height: float) -> Markup:
    """``image`` stretched over a place on the sheet, each pixel a sharp block."""
    file = BytesIO()
    image.save(file, "png", optimize=True)
    return element(
        "image",
        href=f"data:image/png;base64,{b64encode(file.getvalue()).decode('ascii')}",
        x=x,
        y=y,
        width=width,
        height=height,
        preserveAspectRatio="none",
        class_="pixels",
    )


def indexed(places: NDArray[np.uint8], palette: NDArray[np.uint8], clear: int) -> Image.Image:
    """A picture of palette entries; entry ``clear`` is see-through."""
    image = Image.fromarray(places)
    image.putpalette(palette.tobytes())
    image.info["transparency"] = clear
    return image
