"""``eyechart spectrum``: the spectrum of images, and what people can see of it, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from eyechart.errors import ImagesError, SettingError
from eyechart.run.options import RunOptions

if TYPE_CHECKING:
    from eyechart.images.image_set import ImageSet
    from eyechart.models.preprocessing import Preprocessing

TRIED = 20  # images opened to find the size
LARGEST = 512  # pixels; the spectra of larger frames cost much and say little more


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


def frame_of(images: ImageSet, size: int | None) -> Preprocessing:
    """The square in which images are looked at: of ``size``, or of the least short side of the first images.

    A square, since any other frame would put black bars beside images of another shape. Images of its size are not resized.

    Raises:
        ImagesError: none of the first images can be opened.
        SettingError: an image has a side of one pixel, which has no spectrum.
    """
    from eyechart.models.preprocessing import Preprocessing

    side = size if size is not None else min(_short_side(images), LARGEST)
    return Preprocessing(size=(side, side), resize=side, interpolation="bicubic")


def _short_side(images: ImageSet) -> int:
    """The least side of the first images that can be opened."""
    from eyechart.images.image_set import UndecodableError

    found = []
    for index in range(min(len(images), TRIED)):
        try:
            found.append(min(images.source(index).open().picture.size))
        except UndecodableError:
            continue
    if found and min(found) > 1:
        return min(found)
    if found:
        way_out = "Give --size."
        raise SettingError(
            "An image of one pixel has no spectrum.", setting="images", value=images.name, way_out=way_out
        )
    raise ImagesError(
        "None of the first images can be opened.",
        setting="images",
        value=images.name,
        way_out="Give --size, or mend the images: eyechart doctor lists what is wrong with them.",
    )
