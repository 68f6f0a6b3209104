"""``eyechart treat``: change a model so that it does better, and prove it."""

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
    finetune: bool = Field(
        False, description="Train on, with cures that take training, beside a control that is trained on without them."
    )
    recipe: str = Field(
        "finetune", description="To train on by: a built-in recipe, FILE.toml, or small (finetune_small)."
    )
    epochs: int | None = Field(None, ge=1, description="Epochs of both arms, in place of the recipe's.")
    five_rows: int | None = Field(
        None,
        ge=2,
        description="With bass: both arms on so many images as they are and balanced, attacked and not.",
    )
    train_limit: int | None = Field(None, ge=1, description="Train on so many images only.")


def treat(
    model: Annotated[str, Parameter(help="As in eyechart exam.")],
    *,
    with_: Annotated[
        str,
        Parameter(
            name="--with",
            help="Remedies in their order, with commas; with --finetune also augmentations and objectives, such as bass, "
            "augmix, pgd_at. See: eyechart list remedies.",
        ),
    ],
    options: Annotated[TreatOptions | None, Parameter(name="*")] = None,
    config: Annotated[str | None, Parameter(help="TOML file with any of these settings.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="The proof's summary as JSON on stdout.")] = False,
) -> None:
    """Treat a model, save it, and prove what that is worth: before and after on the same images, paired.

    With --finetune it is also trained on (--train-images, or half of --images), and the proof compares it with a control that
    was trained on as long without a cure. The same command goes on where it was stopped.

    Example: eyechart treat torchvision:resnet50 --with antialias --images photos/ --out smooth.safetensors
    """
    from eyechart.cli.kept import keep_input, keep_others
    from eyechart.run.labels import labels_for
    from eyechart.treating import model_of, treatment

    _, options = with_config(TreatOptions, (model,), options, config)
    out = _file(options.out)
    if options.export and not options.export.endswith(".pt2"):
        way_out = "Give --export FILE.pt2."
        raise SettingError("Programs end in .pt2.", setting="--export", value=options.export, way_out=way_out)
    names = _names(with_)
    _fits_together(names, options)
    remedies, cures, exams = _made(names, options)
    keep_input(model, out)
    (before,) = load_models((model,), options)
    if options.finetune:
        from eyechart.cli.finetune import finetune_and_prove

        finetune_and_prove(before, remedies, cures, exams, options, out, as_json=json)
        return
    calibrating, proving = _images(options)
    classes = options.classes if maps_images(options.classes) else "auto"
    if proving is not None and not all(exam.own_targets for exam in exams):
        labels_for(before, proving, classes)  # what cannot be proved is told before anything is done
    found = treatment(before, remedies, calibrating, classes)
    after = model_of(before, found, out)
    keep_others(out, found)
    found.save(out)
    _tell(found, out)
    if options.export:
        _export(found, Path(options.export))
    if proving is not None:
        _prove([before, after], proving, exams, options, out, as_json=json)
    else:
        stderr.print("No images, no proof: give --images or --test-images to see what it is worth.")


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


def _names(with_: str) -> list[str]:
    names = [name.strip() for name in with_.split(",") if name.strip()]
    if not names:
        way_out = "Name at least one: eyechart list remedies."
        raise SettingError("No remedy is named.", setting="--with", value=with_, way_out=way_out)
    if spaced := next((name for name in names if " " in name), None):
        way_out = f"Separate names with commas: --with {','.join(spaced.split())}."
        raise SettingError("No remedy has a space in its name.", setting="--with", value=with_, way_out=way_out)
    return names


def _fits_together(names: list[str], options: TreatOptions) -> None:
    """Raises SettingError for a setting that would do nothing."""
    training = ("recipe", "epochs", "train_limit", "train_images", "train_labels", "five_rows")
    idle = [
        name for name in (("export", "calibrate") if options.finetune else training) if name in options.model_fields_set
    ]
    idle = [name for name in idle if getattr(options, name) != type(options).model_fields[name].default]
    if idle:
        when = "with --finetune" if options.finetune else "without --finetune"
        way_out = "Leave it out." if options.finetune else "Add --finetune, or leave it out."
        flag = f"--{idle[0].replace('_', '-')}"
        raise SettingError(f"It does nothing {when}.", setting=flag, value=getattr(options, idle[0]), way_out=way_out)
    if options.five_rows and "bass" not in names:
        way_out = "Leave it out, or add bass to --with."
        raise SettingError(
            "The five rows are for bass.", setting="--five-rows", value=options.five_rows, way_out=way_out
        )


def _made(names: list[str], options: TreatOptions) -> tuple[list[Any], dict[str, Any], list[Any]]:
    """Remedies, cures that take training with their settings, and exams.

    Each takes its own of ``--set``, remedies first where both have the name.
    """
    from eyechart.core.catalogue import make_exams, make_remedies, remedy_table
    from eyechart.examination import exam_names
    from eyechart.train.cures import cure_names

    given = settings_of(options.set)
    trained = [name for name in names if name in cure_names() and name not in remedy_table()]
    if trained and not options.finetune:
        way_out = "Add --finetune and --train-images, or train with it from the start: eyechart train."
        raise SettingError("This cure takes training.", setting="--with", value=", ".join(trained), way_out=way_out)
    plain = [name for name in names if name not in trained]
    remedies = make_remedies(plain, {name: own for name, own in given.items() if name in plain})
    others = {name: own for name, own in given.items() if name not in names}
    cures = {name: given.get(name, {}) for name in trained}
    return remedies, cures, make_exams(exam_names(options.exams, options.suite), others)


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
        others = load_images(options.test_images, labels=options.test_labels)
        if others.fingerprint == images.fingerprint:
            way_out = "Give other images, or --images alone: those that do not calibrate are then the proof's."
            raise SettingError(
                "The images of the proof are those it is treated on.",
                setting="--test-images",
                value=options.test_images,
                way_out=way_out,
            )
        return calibrating, others
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
    first, last = (model.name for model in session.models)
    finish_and_tell(session, folder, as_json=as_json, proves=[(last, first)], roles={first: "before", last: "treated"})
