"""``eyechart treat --finetune``: both arms trained, and the proof of all three models."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from eyechart.cli.console import stderr
from eyechart.cli.exam import finish_and_tell, maps_images, run_options, teller_of
from eyechart.errors import SettingError

if TYPE_CHECKING:
    from eyechart.cli.treat import TreatOptions
    from eyechart.images.image_set import ImageSet
    from eyechart.models.image_model import ImageModel

ROLES = ("before", "control", "treated")


def finetune_and_prove(
    before: ImageModel,
    remedies: Sequence[Any],
    cures: Mapping[str, Mapping[str, Any]],
    exams: Sequence[Any],
    options: TreatOptions,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Train both arms, save the treated one, and let all three models sit the exams on images without a part in it."""
    from eyechart.cli.kept import keep_untrained
    from eyechart.finetuning import finetune
    from eyechart.remedies.treatment import write_recipe
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder
    from eyechart.train.recipe import recipe_of

    changes = {} if options.epochs is None else {"epochs": options.epochs}
    recipe = recipe_of("finetune_small" if options.recipe == "small" else options.recipe, **changes)
    training, proving = _images(options)
    classes = options.classes if maps_images(options.classes) else "auto"
    arms = str(out.with_suffix("")) + "-finetune"
    keep_untrained(out, Path(arms))
    try:
        found = finetune(
            before,
            training,
            recipe,
            arms,
            remedies=remedies,
            cures=list(cures),
            settings=cures,
            seed=options.seed,
            limit=options.train_limit,
            classes=classes,
            said=_say,
        )
    except KeyboardInterrupt:
        stderr.print(f"Stopped. Finished epochs are kept in {escape(arms)}; give the same command again to go on.")
        sys.exit(130)
    copyfile(f"{arms}/treated/model.safetensors", out)
    write_recipe(out, found.treated.source["treatment"], found.treatment)
    stderr.print(f"Treated model: [bold]{escape(str(out))}[/]; the control lies in {escape(arms)}/control")
    folder = str(out.with_suffix("")) + "-proof"
    models = [before, found.control, found.treated]
    settings = run_options(options)
    session = Session(models, proving, exams, Folder(folder), settings, teller_of(proving), classes, command_line())
    first, control, treated = (model.name for model in session.models)
    if options.five_rows:
        _five_rows({"control": found.control, "treated": found.treated}, proving, options, folder)
    proves = [(treated, control), (treated, first), (control, first)]
    roles = dict(zip((first, control, treated), ROLES, strict=True))
    finish_and_tell(session, folder, as_json=as_json, proves=proves, roles=roles)


def _images(options: TreatOptions) -> tuple[ImageSet, ImageSet]:
    """To train on, and to prove on: never the same."""
    from eyechart.images.load import load_images
    from eyechart.images.part import split

    tests = options.test_images or (options.images if options.train_images else None)
    if not options.images and not options.train_images:
        way_out = "Give --train-images and --images (for the proof), or --images alone, which are then shared out."
        raise SettingError("Images to train on are needed.", setting="--train-images", value=None, way_out=way_out)
    source, labels = options.train_images or options.images, options.train_labels
    whole = load_images(source, labels=labels if options.train_images else options.labels)
    if not tests:
        return split(whole, len(whole) // 2, options.seed)
    others = options.test_labels if options.test_images else options.labels
    proving = load_images(tests, labels=others)
    if proving.fingerprint == whole.fingerprint:
        raise SettingError(
            "The images of the proof are those it is trained on.",
            setting="--images",
            value=proving.name,
            way_out="Give other images, or --images alone: half of them are then kept for the proof.",
        )
    return whole, proving


def _five_rows(models: Mapping[str, ImageModel], images: ImageSet, options: TreatOptions, folder: str) -> None:
    """See ``eyechart.balanced``; the report shows them."""
    from eyechart.balanced import as_data, balanced_rows
    from eyechart.report.proof_section import BALANCED
    from eyechart.store.folder import Folder

    rows = {}
    for name, model in models.items():
        stderr.print(f"Five rows: {name}")
        out = f"{folder}/five-rows/{name}"
        rows[name] = as_data(balanced_rows(model, images, out, limit=options.five_rows or 2, seed=options.seed))
    Folder(folder).write_json(BALANCED, {"schema": 1, "models": rows})


def _say(arm: str, line: Mapping[str, Any]) -> None:
    if "note" in line:
        stderr.print(escape(f"{arm}: {line['note']}"))
    if "epoch" not in line:
        return
    right = f"right {100 * line['accuracy']:.1f} %"
    stderr.print(escape(f"{arm}: epoch {line['epoch']}, loss {line['loss']:.4f}, {right}, {line['seconds']:,.0f} s"))
