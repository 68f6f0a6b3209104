"""``eyechart layers``: the steps of a model, by the names that exams take."""

from __future__ import annotations

import json as json_
from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter

from eyechart.cli.console import stdout


def layers(
    model: Annotated[str, Parameter(help="As in eyechart exam.")],
    *,
    arch: Annotated[str | None, Parameter(help="As in eyechart exam.")] = None,
    preprocess: Annotated[str, Parameter(help="As in eyechart exam.")] = "auto",
    trust: Annotated[Literal["none", "pickle", "code"], Parameter(help="As in eyechart exam.")] = "none",
    kind: Annotated[str | None, Parameter(help="Only steps of this kind, such as convolution, norm, block.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="As JSON on stdout, and nothing else.")] = False,
) -> None:
    """List the steps that a model takes, in their order: name, kind, shape of the output, where the input comes from.

    A function such as relu() is named after the module that calls it; ":2" is a second call.
    """
    from eyechart.errors import SettingError, UnknownNameError
    from eyechart.models.load import load_model

    loaded = load_model(model, arch=arch, preprocess=preprocess, trust=trust, device="cpu")
    found = loaded.plain.layers if loaded.plain else ()
    if not found:
        way_out = "Put the steps into torch modules, and give the model's own code if this is an exported or scripted program."
        raise SettingError("No step of this model can be watched.", setting="MODEL", value=model, way_out=way_out)
    kinds = {layer.kind for layer in found}
    if kind is not None and kind not in kinds:
        raise UnknownNameError.of(kind, kinds, setting="--kind")
    chosen = [layer for layer in found if kind in (None, layer.kind)]
    if json:
        print(json_.dumps([asdict(layer) for layer in chosen]))
        return
    rows = [(layer.name, layer.kind, " x ".join(map(str, layer.shape)), layer.source) for layer in chosen]
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        stdout.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
