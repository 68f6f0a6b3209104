"""``eyechart train``: train a small net by a recipe, watch what it learns, and prove what it can do."""

from __future__ import annotations

import json as json_
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field
from rich.markup import escape

from eyechart.cli.config import with_config
from eyechart.cli.console import stderr
from eyechart.cli.exam import ExamOptions, finish_and_tell, run_options, settings_of, teller_of
from eyechart.core.view import Precision
from eyechart.errors import EyechartError, SettingError

if TYPE_CHECKING:
    from eyechart.images.image_set import ImageSet
    from eyechart.models.image_model import ImageModel
    from eyechart.train.recipe import Recipe


# Options of an exam that training does not heed, and what was probably meant.
UNHEEDED: Mapping[str, tuple[str, str]] = {
    "batch_size": ("Images a step are the recipe's.", "Give --change batch_size={value}."),
    "precision": ("The precision is the recipe's.", "Give --change precision={value}."),
    "limit": (
        "Two sets of images could be meant.",
        "Give --train-limit {value}, or --test-limit {value} for the proof.",
    ),
    "train_images": ("What is trained on are --images.", "Give --images {value}, and --test-images for the proof."),
    "train_labels": ("The labels of what is trained on are --labels.", "Give --labels {value}."),
    "classes": (
        "The classes are those of the images.",
        "Name the images' classes as they shall be called, by --labels.",
    ),
    "outputs": ("What is trained gives logits.", "Leave it out."),
    "masks": ("Training knows no masks.", "Leave it out; eyechart exam OUT/model.safetensors takes them."),
}


PROVING = ("exams", "suite", "test_limit", "test_labels")


class TrainOptions(ExamOptions):
    """All settings of ``eyechart train``; those of ``eyechart exam`` are for the proof on test images."""

    recipe: str = Field("standard_small", description="A built-in recipe (eyechart list recipes) or FILE.toml.")
    change: tuple[str, ...] = Field((), description="A recipe's field, as field=value; may be given again.")
    start: str | None = Field(None, description="A model whose weights to start from, as in eyechart exam.")
    test_images: str | None = Field(None, description="To prove on, and to watch on; none: no proof.")
    test_labels: str | None = Field(None, description="Their labels, as --labels.")
    train_limit: int | None = Field(None, ge=1, description="Train on so many images only.")
    test_limit: int | None = Field(None, ge=1, description="Prove on so many images only.")
    watch: str | None = Field(None, description="Exams to sit while it is trained, separated by commas.")
    every: int = Field(1, ge=1, description="Epochs from one time that it is watched to the next.")
    limit: int | None = Field(None, ge=1, description="Not here: --train-limit or --test-limit.")
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Not here: --change batch_size=N."
    )
    precision: Precision = Field("float32", description="Not here: --change precision=bfloat16.")
    train_images: str | None = Field(None, description="Not here: --images are trained on.")
    train_labels: str | None = Field(None, description="Not here: --labels.")
    classes: str = Field("auto", description="Not here: the classes are those of the images.")
    masks: str | None = Field(None, description="Not here.")
    outputs: Literal["auto", "logits", "probabilities", "embedding"] = Field("auto", description="Not here: logits.")


def train(
    *,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
    config: Annotated[str | None, Parameter(help="TOML file with any of these settings.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="The proof's summary as JSON on stdout.")] = False,
) -> None:
    """Train a net by a recipe. The same command goes on where it was stopped; the model lies in OUT/model.safetensors.

    Example: eyechart train --arch eyechart:cifar_resnet20 --images 'cifar10:DIR#train' --test-images cifar10:DIR --out net
    """
    from eyechart.core.catalogue import make_exams
    from eyechart.examination import exam_names
    from eyechart.images.load import load_images
    from eyechart.training import present_training, train_model

    _, options = with_config(TrainOptions, (), options, config)
    if not options.images or not options.out:
        raise SettingError(
            "Images and a folder are needed.",
            setting="--images, --out",
            value=(options.images, options.out),
            way_out="For example: eyechart train --arch eyechart:cifar_resnet20 --images photos/ --out net.",
        )
    _check_heeded(options)
    if json and not options.test_images:
        way_out = "Give --test-images; the figures of the training itself are in OUT/log.csv."
        raise SettingError("There is no proof to sum up.", setting="--json", value="given", way_out=way_out)
    recipe = _recipe(options)
    exams = make_exams(exam_names(options.exams, options.suite), _settings(options, options.exams or options.suite))
    watched = make_exams(exam_names(options.watch, ""), _settings(options, options.watch)) if options.watch else []
    images = load_images(options.images, labels=options.labels)
    tests = _tests(options)
    teller_of(images)
    begin = _begin(options)
    try:
        trained = train_model(
            begin,
            images,
            recipe,
            options.out,
            preprocess=options.preprocess,
            limit=options.train_limit,
            seed=options.seed,
            device=options.device,
            watch=watched,
            every=options.every,
            test_images=tests,
            max_bad=options.max_bad,
            said=_say,
        )
    except KeyboardInterrupt:
        # Not by rich: stopped in the midst of a line, its console holds back all that follows.
        sys.stderr.write(
            f"Stopped. {_kept(options.out)} Give the same command again (with --out {options.out}) to go on.\n"
        )
        sys.exit(130)
    first = os.environ.get("RANK", "0") == "0"
    if first:
        stderr.print(f"Trained model: [bold]{escape(options.out)}/model.safetensors[/]")
    if tests is not None:
        before = [begin] if not isinstance(begin, str) else []
        _prove([*before, trained], tests, exams, options, as_json=json)
        if first:
            present_training(trained, recipe, options.out)
    if first:
        stderr.print(f"Curves: [bold]{escape(options.out)}/report.html[/]")


def _check_heeded(options: TrainOptions) -> None:
    """Raises SettingError for an option that would do nothing, or not what its name promises."""
    for name, (sentence, way_out) in UNHEEDED.items():
        if name in options.model_fields_set and (value := getattr(options, name)) is not None:
            setting = f"--{name.replace('_', '-')}"
            raise SettingError(sentence, setting=setting, value=value, way_out=way_out.format(value=value))
    for name in PROVING if not options.test_images else ():
        if name in options.model_fields_set and (value := getattr(options, name)) is not None:
            setting, way_out = f"--{name.replace('_', '-')}", "Give --test-images, or leave it out."
            raise SettingError("It is of the proof, and there is none.", setting=setting, value=value, way_out=way_out)
    if "every" in options.model_fields_set and not options.watch:
        way_out = "Give --watch EXAMS, or leave it out."
        raise SettingError("Nothing is watched.", setting="--every", value=options.every, way_out=way_out)
    if len(options.arch) > 1:
        archs = " ".join(options.arch)
        raise SettingError("One net is trained at a time.", setting="--arch", value=archs, way_out="Give one.")


def _tests(options: TrainOptions) -> ImageSet | None:
    from eyechart.images.load import load_images

    if not options.test_images:
        return None
    try:
        return load_images(options.test_images, labels=options.test_labels)
    except EyechartError as error:  # which knows one set of images only
        names = {"--images": "--test-images", "--labels": "--test-labels"}
        setting = names.get(error.setting, error.setting)
        raise type(error)(error.problem, setting=setting, value=error.value, way_out=error.way_out) from error


def _recipe(options: TrainOptions) -> Recipe:
    from eyechart.train.recipe import recipe_of

    changes: dict[str, Any] = {}
    for text in options.change:
        field, equals, value = text.partition("=")
        if not equals or not field.strip():
            way_out = "Write field=value, as epochs=5."
            raise SettingError("Not a change.", setting="--change", value=text, way_out=way_out)
        try:
            changes[field.strip()] = json_.loads(value)
        except ValueError:
            changes[field.strip()] = value
    return recipe_of(options.recipe, **changes)


def _settings(options: TrainOptions, asked: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Of the settings given, those of the exams asked for; what is no exam of either is found by the other."""
    from eyechart.core.catalogue import SUITES
    from eyechart.examination import exam_names

    names = exam_names(None, str(asked)) if asked in SUITES else exam_names(asked or "", "")
    return {name: own for name, own in settings_of(options.set).items() if name in names}


def _begin(options: TrainOptions) -> ImageModel | str:
    from eyechart.models.load import load_model

    if options.start is not None:
        given = options.arch[0] if options.arch else None
        return load_model(
            options.start, arch=given, preprocess=options.preprocess, trust=options.trust, device=options.device
        )
    if not options.arch:
        way_out = "Give --arch torchvision:NAME, timm:NAME or eyechart:NAME, or --start MODEL."
        raise SettingError("Nothing says what to train.", setting="--arch", value="none", way_out=way_out)
    return options.arch[0]


def _kept(out: str) -> str:
    """What is not lost when training is stopped."""
    from eyechart.store.folder import Folder
    from eyechart.train.checkpoint import epochs_kept

    epochs = epochs_kept(Folder(out))
    return (
        f"{epochs} finished epoch{'s are' if epochs > 1 else ' is'} kept." if epochs else "No epoch was finished yet."
    )


def _say(line: Mapping[str, Any]) -> None:
    if "epoch" not in line:
        stderr.print(escape(str(line["note"])))
        return
    told = [f"epoch {line['epoch']}", f"loss {line['loss']:.4f}", f"right {100 * line['accuracy']:.1f} %"]
    told += [f"lr {line['lr']:.2g}", f"{line['images_per_second']:,.0f} images/s"]
    told += _watched(line)
    told += [str(line["note"])] if "note" in line else []
    stderr.print(escape(", ".join(told)))


def _watched(line: Mapping[str, Any], most: int = 4) -> list[str]:
    """Of what exams have measured, the first figure of each measure, those of test images first."""
    columns = [name for name, value in line.items() if "." in name and isinstance(value, float)]
    first = {name.partition(" ")[0]: name for name in reversed(columns)}
    chosen = sorted(first.values(), key=lambda name: (not name.startswith("test."), columns.index(name)))[:most]
    more = [f"{len(columns) - len(chosen):,} more in log.csv"] if len(columns) > len(chosen) else []
    return [*(f"{name} {line[name]:.3f}" for name in chosen), *more]


def _prove(models: list[ImageModel], tests: Any, exams: list[Any], options: TrainOptions, *, as_json: bool) -> None:
    """The trained net, beside the one it started from, on test images."""
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder

    folder = f"{options.out}/proof"
    settings = run_options(options).model_copy(update={"limit": options.test_limit})
    session = Session(models, tests, exams, Folder(folder), settings, teller_of(tests), "auto", command_line())
    names = [model.name for model in session.models]
    proves = [(names[1], names[0])] if len(names) > 1 else []
    roles = dict(zip(names, ("before", "after"), strict=False)) if proves else None
    finish_and_tell(session, folder, as_json=as_json, proves=proves, roles=roles)
