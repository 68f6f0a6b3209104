"""``eyechart spectrum``: the spectrum of images, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from eyechart.cli.console import Teller
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
    set: tuple[str, ...] = Field(
        (), description="A setting of the exam, as spectrum.name=value; see: eyechart show spectrum."
    )
    size: int | None = Field(
        None,
        ge=2,
        description=(
            "Frame in pixels: the short side is resized to it, the centre cropped. "
            "Default: the images' own size where the first are alike and small, else a square."
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

    Example: eyechart spectrum photos/ --out spectrum-of-photos
    """
    from eyechart.cli.exam import default_out, finish_and_tell, settings_of
    from eyechart.core.catalogue import make_exams
    from eyechart.images.load import load_images
    from eyechart.models.image_model import ImageModel
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder

    options = options or SpectrumOptions()
    exams = make_exams(["spectrum"], settings_of(options.set))
    out = options.out or default_out(("spectrum",))
    Folder(out).check_writable()
    found, teller = load_images(images, labels=options.labels), Teller()
    for remark in found.remarks:
        teller.say(f"Images: {remark}")
    frame = frame_of(found, options.size)
    teller.say(f"Frame: {frame.size[0]} x {frame.size[1]} pixels.")
    run_options = RunOptions(**{name: getattr(options, name) for name in RunOptions.model_fields})
    model = ImageModel.frame_only(frame, found.class_names)
    session = Session([model], found, exams, Folder(out), run_options, teller, command=command_line())
    finish_and_tell(session, out, as_json=json)


def frame_of(images: ImageSet, size: int | None) -> Preprocessing:
    """The frame in which images are looked at: ``size`` squared, or what suits the first that can be opened.

    Images of one size up to 512 pixels are looked at as they are. Others are cropped to a square, since a frame of the first
    image's shape would put black bars beside those of another.

    Raises:
        ImagesError: none of the first images can be opened.
        SettingError: an image has a side of one pixel, which has no spectrum.
    """
    from eyechart.images.image_set import UndecodableError
    from eyechart.models.preprocessing import Preprocessing

    if size is not None:
        return Preprocessing(size=(size, size), resize=size, interpolation="bicubic")
    sizes: dict[tuple[int, int], None] = {}  # (height, width)
    for index in range(min(len(images), TRIED)):
        try:
            sizes[images.source(index).open().picture.size[::-1]] = None
        except UndecodableError:
            continue
    if sizes:
        short = min(map(min, sizes))
        if short < 2:
            way_out = "Give --size."
            raise SettingError("An image has no spectrum.", setting="images", value=f"{short} pixel", way_out=way_out)
        if len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST:
            return Preprocessing(size=next(iter(sizes)), resize=None)
        side = min(short, LARGEST)
        return Preprocessing(size=(side, side), resize=side, interpolation="bicubic")
    raise ImagesError(
        "None of the first images can be opened.",
        setting="images",
        value=images.name,
        way_out="Give --size, or mend the images: eyechart doctor lists what is wrong with them.",
    )
