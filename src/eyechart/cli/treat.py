"""``eyechart treat``: change a model so that it does better, without training it, and prove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from pydantic import Field
from rich.markup import escape

from eyechart.cli.config import with_config
from eyechart.cli.console import stderr
from eyechart.cli.exam import (
    ExamOptions,
    finish_and_tell,
    load_models,
    maps_images,
    run_options,
    settings_of,
    teller_of,
)
from eyechart.errors import SettingError

if TYPE_CHECKING:
    from eyechart.images.image_set import ImageSet
    from eyechart.models.image_model import ImageModel
    from eyechart.remedies.treatment import Treatment


class TreatOptions(ExamOptions):
    """All settings of ``eyechart treat``; those of ``eyechart exam`` are for the proof."""

    out: str | None = Field(
        None, description="FILE.safetensors of the treated model; beside it FILE.json, and FILE-proof/."
    )
    export: str | None = Field(
        None,
        description="FILE.pt2: also a program that runs without eyechart, where torch.export can follow the model.",
    )
    calibrate: int = Field(
        500, ge=2, description="Images to calibrate on, at most half of them; the proof uses the others."
    )
    test_images: str | None = Field(None, description="Other images for the proof; then all of --images may calibrate.")
    test_labels: str | None = Field(None, description="Their labels, as --labels.")


def treat(
    model: Annotated[str, Parameter(help="As in eyechart exam.")],
    *,
    with_: Annotated[
        str, Parameter(name="--with", help="Remedies in their order, with commas; eyechart list remedies.")
    ],
    options: Annotated[TreatOptions | None, Parameter(name="*")] = None,
    config: Annotated[str | None, Parameter(help="TOML file with any of these settings.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="The proof's summary as JSON on stdout.")] = False,
) -> None:
    """Treat a model without training it, save it, and prove what it is worth: before and after on the same images, paired.

    Example: eyechart treat torchvision:resnet50 --with antialias --images photos/ --out smooth.safetensors
    """
    from eyechart.treating import model_of, treatment

    _, options = with_config(TreatOptions, (model,), options, config)
    out = _file(options.out)
    if options.export and not options.export.endswith(".pt2"):
        way_out = "Give --export FILE.pt2."
        raise SettingError("Programs end in .pt2.", setting="--export", value=options.export, way_out=way_out)
    names = [name.strip() for name in with_.split(",") if name.strip()]
    remedies, exams = _made(names, options)
    (before,) = load_models((model,), options)
    calibrating, proving = _images(options)
    classes = options.classes if maps_images(options.classes) else "auto"
    found = treatment(before, remedies, calibrating, classes)
    after = model_of(before, found)
    found.save(out)
    _tell(found, out)
    if options.export:
        _export(found, Path(options.export))
    if proving is not None:
        _prove([before, after], proving, exams, options, out, as_json=json)


def _export(found: Treatment, path: Path) -> None:
    from eyechart.remedies.exported import export

    if why := export(found, path):
        stderr.print(f"No exported program: {escape(why)}. The treated model above is whole without it.")
    else:
        stderr.print(f"Exported program: [bold]{escape(str(path))}[/] (eyechart loads it with --trust code)")


def _file(out: str | None) -> Path:
    if out is None or not out.endswith(".safetensors"):
        way_out = "Give --out FILE.safetensors."
        raise SettingError("The treated model needs a file.", setting="--out", value=out, way_out=way_out)
    return Path(out)


def _made(names: list[str], options: TreatOptions) -> tuple[list[Any], list[Any]]:
    """Remedies and exams; each takes its own of ``--set``, remedies first where both have the name."""
    from eyechart.core.catalogue import make_exams, make_remedies
    from eyechart.examination import exam_names

    given = settings_of(options.set)
    remedies = make_remedies(names, {name: own for name, own in given.items() if name in names})
    others = {name: own for name, own in given.items() if name not in names}
    return remedies, make_exams(exam_names(options.exams, options.suite), others)


def _images(options: TreatOptions) -> tuple[ImageSet | None, ImageSet | None]:
    """To calibrate on, and to prove on: never the same."""
    from eyechart.images.load import load_images
    from eyechart.images.part import split

    if not options.images:
        return None, load_images(options.test_images, labels=options.test_labels) if options.test_images else None
    images = load_images(options.images, labels=options.labels, masks=options.masks)
    most = len(images) if options.test_images else len(images) // 2
    calibrating, rest = split(images, min(options.calibrate, most), options.seed)
    if options.test_images:
        return calibrating, load_images(options.test_images, labels=options.test_labels)
    return calibrating, rest


def _tell(found: Treatment, out: Path) -> None:
    for name in found.done:
        for line in found.done[name]:
            stderr.print(f"  {escape(name)}: {escape(line)}")
        for line in found.refused[name]:
            stderr.print(f"  {escape(name)}: left as it is: {escape(line)}")
    stderr.print(f"  {found.costs()}")
    stderr.print(f"Treated model: [bold]{escape(str(out))}[/]")


def _prove(
    models: list[ImageModel], images: ImageSet, exams: list[Any], options: TreatOptions, out: Path, *, as_json: bool
) -> None:
    """Both models sit the exams on the same images; the report sets them side by side, paired."""
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder

    folder = str(out.with_suffix("")) + "-proof"
    classes = options.classes if maps_images(options.classes) else "auto"
    session = Session(
        models, images, exams, Folder(folder), run_options(options), teller_of(images), classes, command_line()
    )
    finish_and_tell(session, folder, as_json=as_json)
