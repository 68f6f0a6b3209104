"""``eyechart layers``: the steps of a model, by the names that exams take."""

from __future__ import annotations

import json as json_
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from eyechart.cli.console import stdout

if TYPE_CHECKING:
    from eyechart.models.geometry import LayerGeometry


def layers(
    model: Annotated[str, Parameter(help="As in eyechart exam.")],
    *,
    arch: Annotated[str | None, Parameter(help="As in eyechart exam.")] = None,
    preprocess: Annotated[str, Parameter(help="As in eyechart exam.")] = "auto",
    trust: Annotated[Literal["none", "pickle", "code"], Parameter(help="As in eyechart exam.")] = "none",
    kind: Annotated[str | None, Parameter(help="Only steps of this kind, such as convolution, norm, block.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="As JSON on stdout, and nothing else.")] = False,
) -> None:
    """List the steps that a model takes, in their order: name, kind, shape of the output, where the input comes from, and, in
    pixels of the input, how far neighbouring places lie apart (stride) and what one of them sees (receptive field).

    A function such as relu() is named after the module that calls it; ":2" is a second call. "+ all" behind a receptive field:
    a summary of the whole picture has a part, too. Nothing is downloaded: torchvision's and timm's models are built without
    their weights.
    """
    from eyechart.errors import SettingError, UnknownNameError
    from eyechart.models.load import load_model
    from eyechart.run.subject import subject_of

    loaded = load_model(model, arch=arch, preprocess=preprocess, trust=trust, device="cpu", weights=False)
    found = loaded.plain.layers if loaded.plain else ()
    if not found:
        way_out = "Put the steps into torch modules, and give the model's own code if this is an exported or scripted program."
        raise SettingError("No step of this model can be watched.", setting="MODEL", value=model, way_out=way_out)
    kinds = {layer.kind for layer in found}
    if kind is not None and kind not in kinds:
        raise UnknownNameError.of(kind, kinds, setting="--kind")
    places = subject_of(loaded, labelled=False).geometry
    chosen = [layer for layer in found if kind in (None, layer.kind)]
    if json:
        print(json_.dumps([{**asdict(layer), **_places(places.get(layer.name))} for layer in chosen]))
        return
    rows = [("layer", "kind", "output", "input from", "stride", "receptive field")]
    for layer in chosen:
        place = places.get(layer.name)
        shape = " x ".join(map(str, layer.shape))
        rows.append((layer.name, layer.kind, shape, layer.source, *_told(place)))
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        stdout.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)


def _places(place: LayerGeometry | None) -> dict[str, Any]:
    """For JSON: strides and receptive fields as [rows, columns], null where there are none."""
    if place is None:
        return {"stride": None, "receptive_field": None, "start": None, "context": False}
    return {name: getattr(place, name) for name in ("stride", "receptive_field", "start", "context")}


def _told(place: LayerGeometry | None) -> tuple[str, str]:
    """In words; sides are told apart where they differ."""
    if place is None or place.stride is None or place.receptive_field is None:
        return "", f"none: {place.reason}" if place else ""
    stride, field = (
        str(sides[0]) if sides[0] == sides[1] else f"{sides[0]} x {sides[1]}"
        for sides in (place.stride, place.receptive_field)
    )
    return stride, field + (" + all" if place.context else "")
