"""What a unit of a layer sees of the picture, as a box."""

from __future__ import annotations

from eyechart.models.geometry import LayerGeometry
from eyechart.models.grid import Sides

Box = tuple[int, int, int, int]


def receptive_crop(layer: LayerGeometry, place: Sides, frame: Sides) -> Box | None:
    """The box (y0, x0, y1, x1) in pixels of the frame, ends exclusive, that the unit at a place sees.

    It may reach beyond the frame, where there is padding. None where it would be the whole frame, or is not known: of layers
    that could not be followed, and of those in which a summary of the whole frame has a part.

    Args:
        layer: where its units lie.
        place: (row, column) of the unit in the layer's map.
        frame: (height, width) of the model's input.

    >>> receptive_crop(LayerGeometry("x", "pool", (8, 4, 4), (8, 8), (12, 12), (-2, -2)), (1, 0), (32, 32))
    (6, -2, 18, 10)
    """
    if layer.stride is None or layer.start is None or layer.receptive_field is None or layer.context:
        return None
    y0, x0 = (start + i * stride for start, i, stride in zip(layer.start, place, layer.stride, strict=True))
    y1, x1 = y0 + layer.receptive_field[0], x0 + layer.receptive_field[1]
    if y0 <= 0 and x0 <= 0 and y1 >= frame[0] and x1 >= frame[1]:
        return None
    return y0, x0, y1, x1
