"""``eyechart stimuli``: pictures in which a cue is taken away, or in which two cues name two classes."""

from __future__ import annotations

import dataclasses
import json as json_
import sys
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, Field

from eyechart.cli.console import Teller, stderr, stdout


class StimuliOptions(BaseModel):
    """All settings of ``eyechart stimuli``."""

    out: str = Field(description="Folder or URL; the same command with the same folder goes on.")
    styles: str | None = Field(
        None, description="Images that give the texture, for kinds that mix two; default: the images themselves."
    )
    set: tuple[str, ...] = Field((), description="A setting of the kind, as radius=8; may be given again.")
    weights: str | None = Field(None, description="FILE of VGG-19 (style), or of the encoder (adain).")
    decoder: str | None = Field(None, description="FILE of the decoder (adain).")
    size: int | None = Field(
        None,
        description="Side of the pictures in pixels. Default: least side of the first images (16 to 512); 224 (style, adain).",
    )
    per_image: int = Field(1, description="Pictures of each image, with as many styles.")
    same_class: bool = Field(False, description="Styles may be of the image's own class.")
    format: Literal["png", "webp"] = Field("png", description="Lossless either way.")
    labels: str | None = Field(None, description="Labels of a flat folder, as for eyechart exam.")
    masks: str | None = Field(
        None, description="DIR of masks, called as the images, black where no object is (silhouette, object-texture)."
    )
    style_labels: str | None = Field(None, description="Those of the styles.")
    limit: int | None = Field(None, description="Only the first N images of the seeded, stratified order.")
    seed: int = Field(0, description="Seed of the order, of the choice of styles and of every random view.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    workers: int | Literal["auto"] = Field("auto", description="Decode processes; 0 decodes in the main process.")
    trust: Literal["none", "pickle", "code"] = Field("none", description="What may run code on loading weights.")
    max_bad: int = Field(0, description="Pictures that may be missing before the command counts as failed.")


def stimuli(
    kind: Annotated[str, Parameter(help="See: eyechart list stimuli. Or pkg.module:Class, a view of your own.")],
    images: Annotated[str, Parameter(help="DIR with class folders, cifar10:DIR, npz:FILE, parquet:GLOB or demo.")],
    *,
    options: Annotated[StimuliOptions, Parameter(name="*")],
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Make stimuli of images: class folders of lossless pictures, a table of targets, and a record of where they come from.

    Pictures that mix two images of classes that are words are named as Geirhos et al. name theirs: cat/cat7-elephant1.png.

    Example: eyechart stimuli hybrid photos/ --set radius=16 --out hybrids
    """
    from eyechart.images.load import load_images
    from eyechart.stimuli.make import make_stimuli

    given = options.model_dump(exclude={"set", "weights", "decoder", "labels", "masks", "style_labels", "styles"})
    contents = load_images(images, labels=options.labels, masks=options.masks)
    styles = load_images(options.styles, labels=options.style_labels) if options.styles else None
    teller = Teller("stimuli")
    for remark in dict.fromkeys((*contents.remarks, *(styles.remarks if styles else ()))):
        teller.say(f"Images: {remark}")
    try:
        made = make_stimuli(kind, contents, styles=styles, settings=_settings(options), reporter=teller, **given)
    except KeyboardInterrupt:
        stderr.print(f"Stopped. What is finished is kept in {options.out}; give the same command again to go on.")
        sys.exit(130)
    if json:
        print(json_.dumps({**dataclasses.asdict(made), "table": made.table}))
        return
    state = "" if made.complete else "; other processes are still at work"
    stdout.print(f"{made.pictures:,} pictures in {made.path}{state}. Targets: {made.table}", markup=False)


def _settings(options: StimuliOptions) -> dict[str, Any]:
    """``("radius=8",)`` as ``{"radius": 8}``; values are JSON where they can be, else text. Files have flags of their own."""
    from eyechart.cli.exam import settings_of

    found = settings_of(tuple(f"kind.{text}" for text in options.set)).get("kind", {})
    files = {"weights": options.weights, "decoder": options.decoder}
    return {**found, **{name: file for name, file in files.items() if file is not None}}
