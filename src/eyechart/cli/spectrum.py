"""``eyechart spectrum``: the spectrum of images, and what people can see of it, without a model."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from eyechart.run.options import RunOptions


class SpectrumOptions(RunOptions):
    """All settings of ``eyechart spectrum``."""

    out: str | None = Field(None, description="Run folder or URL; the same command with the same folder goes on.")
    exams: str = Field("spectrum", description="Exams that need no model, separated by commas: spectrum, visibility.")
    set: tuple[str, ...] = Field(
        (), description="A setting of an exam, as spectrum.name=value; see: eyechart show spectrum."
    )
    size: int | None = Field(
        None,
        ge=2,
        description=(
            "Frame in pixels: the short side is resized to it, the centre cropped. "
            "Default: the least short side of the first images, 512 at most."
        ),
    )
    labels: str | None = Field(None, description="Labels of a flat folder, for figures per class.")


def spectrum(
    images: Annotated[str, Parameter(help="DIR with class folders, cifar10:DIR, npz:FILE, parquet:GLOB or demo.")],
    *,
    options: Annotated[SpectrumOptions | None, Parameter(name="*")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Measure where the energy of images lies: radial spectrum, head and tail, entropy. Needs no model.

    With --exams spectrum,visibility also how much of their fine detail people can see.

    Example: eyechart spectrum photos/ --out spectrum-of-photos
    """
    from eyechart.cli.exam import default_out, finish_and_tell, run_options, settings_of, teller_of
    from eyechart.core.catalogue import make_exams
    from eyechart.examination import exam_names
    from eyechart.images.load import load_images
    from eyechart.models.image_model import ImageModel
    from eyechart.run.frame import frame_of
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder

    options = options or SpectrumOptions()
    exams = make_exams(exam_names(options.exams, "spectrum"), settings_of(options.set))
    out = options.out or default_out(("spectrum",))
    Folder(out).check_writable()
    found = load_images(images, labels=options.labels)
    teller = teller_of(found)
    frame = frame_of(found, options.size)
    teller.say(f"Frame: {frame.size[0]} x {frame.size[1]} pixels.")
    model = ImageModel.frame_only(frame, found.class_names)
    session = Session([model], found, exams, Folder(out), run_options(options), teller, command=command_line())
    finish_and_tell(session, out, as_json=json)
