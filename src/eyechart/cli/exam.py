"""``eyechart exam``: examine models on images."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, Field, field_validator

from eyechart.cli.config import with_config
from eyechart.cli.console import Teller, stderr
from eyechart.cli.proof import tell_proof
from eyechart.errors import SettingError
from eyechart.run.options import RunOptions

if TYPE_CHECKING:
    from eyechart.images.image_set import ImageSet
    from eyechart.run.reporter import Reporter
    from eyechart.run.session import Session

MOST_MODELS = 16
SHOWN_CLASSES = 10


class Asked(BaseModel):
    """What to examine, and on what."""

    images: str = Field(
        "",
        description="DIR with class folders, cifar10:DIR, cifar10c:DIR, imagenetc:DIR, npz:FILE, parquet:GLOB or demo.",
    )
    exams: str | None = Field(None, description="Exams to run, separated by commas; see: eyechart list exams.")

    @field_validator("exams", mode="before")
    @classmethod
    def _joined(cls, exams: object) -> object:
        """A list, as a configuration file may have it, is as good as names with commas."""
        return ",".join(map(str, exams)) if isinstance(exams, (list, tuple)) else exams

    @field_validator("arch", mode="before")
    @classmethod
    def _one_or_several(cls, arch: object) -> object:
        return (arch,) if isinstance(arch, str) else arch

    suite: Literal["quick", "standard", "full"] = Field("standard", description="Which exams, if --exams names none.")
    set: tuple[str, ...] = Field((), description="An exam's setting, as exam.name=value; may be given again.")
    out: str | None = Field(None, description="Run folder or URL; the same command with the same folder goes on.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    arch: tuple[str, ...] = Field(
        (),
        description="Architecture of a weights file: torchvision:NAME, timm:NAME, eyechart:NAME, pkg.module:factory; given "
        "once for all files, or once for each in their order.",
    )
    classes: str = Field(
        "auto",
        description="Outputs' class names: auto, imagenet, FILE (one a line). Or the match: sorted, FILE.csv (class,output).",
    )
    labels: str | None = Field(
        None,
        description="Labels of a flat folder: a CSV file, or a rule such as '{label}.jpg'. Further columns, or a CSV file "
        "without labels, name groups (worst_group, bands).",
    )
    masks: str | None = Field(
        None, description="DIR of masks, called as the images, black where no object is (variants, hybrids)."
    )
    train_images: str | None = Field(
        None, description="Images that the model was fitted to, to compare with (clean, bands, partial_invariance)."
    )
    train_labels: str | None = Field(None, description="Their labels, as --labels.")
    preprocess: str = Field(
        "auto", description="auto, or a TOML FILE with size, resize, crop, interpolation, mean, std."
    )
    outputs: Literal["auto", "logits", "probabilities", "embedding"] = Field(
        "auto", description="What the model returns."
    )
    trust: Literal["none", "pickle", "code"] = Field(
        "none", description="What may run code on loading: pickled modules, .pt2 files."
    )


class ExamOptions(RunOptions, Asked):
    """All settings of ``eyechart exam``; the configuration file takes the same names."""


def exam(
    *models: Annotated[
        str, Parameter(help="torchvision:NAME, timm:NAME (wildcards), FILE with --arch, pkg.module:factory, demo.")
    ],
    options: Annotated[ExamOptions | None, Parameter(name="*")] = None,
    config: Annotated[str | None, Parameter(help="TOML file with any of these settings, and models = [...].")] = None,
    json: Annotated[
        bool, Parameter(name="--json", negative="", help="Print the summary as JSON on stdout, and nothing else.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Examine models on images and write a run folder with results, rows and a report.

    Example: eyechart exam torchvision:resnet50 --images photos/ --out run
    """
    models, options = with_config(ExamOptions, models, options, config)
    if not models or not options.images:
        raise SettingError(
            "A model and images are needed.",
            setting="MODEL, --images",
            value=(models, options.images),
            way_out="For example: eyechart exam torchvision:resnet50 --images photos/ --out run. Or try: eyechart demo.",
        )
    examine_and_tell(models, options, as_json=json, dry_run=dry_run)


def examine_and_tell(models: tuple[str, ...], options: ExamOptions, *, as_json: bool, dry_run: bool) -> None:
    """Do what a command asks for, or with ``dry_run`` say what that would be."""
    from eyechart.cli.summary import print_plan

    session, out = _session(models, options, writes=not dry_run)
    if dry_run:
        print_plan(session.plan(), as_json=as_json)
    else:
        finish_and_tell(session, out, as_json=as_json)


def finish_and_tell(
    session: Session,
    out: str,
    *,
    as_json: bool,
    proves: Sequence[tuple[str, str]] = (),
    roles: Mapping[str, str] | None = None,
) -> None:
    """Run a session, write the report, and say what was found; ``proves``, ``roles``: see ``prove``."""
    from eyechart.cli.summary import print_summary
    from eyechart.examination import open_run, write_report

    try:
        session.run()
    except KeyboardInterrupt:
        stderr.print(
            f"Stopped. Finished portions are kept in {out} (a small run is one portion); give the same command again (with "
            f"--out {out}) to go on."
        )
        sys.exit(130)
    finally:
        if session.finished and session.rank.number == 0:
            if proves:
                tell_proof(session, proves, roles or {})
            write_report(out)
            print_summary(open_run(out), as_json=as_json)


def _session(models: tuple[str, ...], options: ExamOptions, *, writes: bool) -> tuple[Session, str]:
    """The session of a command, and its run folder."""
    from eyechart.core.catalogue import make_exams
    from eyechart.examination import exam_names
    from eyechart.images.load import load_images
    from eyechart.run.provenance import command_line
    from eyechart.run.session import Session
    from eyechart.store.folder import Folder

    exams = make_exams(exam_names(options.exams, options.suite), settings_of(options.set))
    out = options.out or default_out(models)
    folder = Folder(out)
    if writes:
        folder.check_writable()
    images = load_images(options.images, labels=options.labels, masks=options.masks)
    teller = teller_of(images)
    loaded = load_models(models, options)
    for model in loaded:
        for remark in model.remarks:
            teller.say(f"{model.name}: {remark}")
    classes = options.classes if maps_images(options.classes) else "auto"
    training = load_images(options.train_images, labels=options.train_labels) if options.train_images else None
    session = Session(loaded, images, exams, folder, run_options(options), teller, classes, command_line(), training)
    for line in dict.fromkeys(line for lines in session.class_lines for line in _some(lines, options.classes)):
        teller.say(f"Classes: {line}")
    for skipped in session.skipped():
        teller.say(f"Skipped: {skipped['exam']} on {skipped['model']}: {skipped['reason']}.")
    return session, out


def teller_of(images: ImageSet) -> Reporter:
    """Who tells how it goes: one process of several. Begins with what is to be known of the images."""
    from eyechart.run.reporter import Silent
    from eyechart.run.spread import Rank

    teller: Reporter = Teller() if Rank.from_environment().number == 0 else Silent()
    for remark in images.remarks:
        teller.say(f"Images: {remark}")
    return teller


def run_options(options: RunOptions) -> RunOptions:
    """Of a command's settings those of a run."""
    return RunOptions(**{name: getattr(options, name) for name in RunOptions.model_fields})


def load_models(specs: tuple[str, ...], options: ExamOptions) -> list[Any]:
    """The models of a command."""
    from eyechart.models.load import expand, load_model
    from eyechart.run.spread import Rank

    names = [name for spec in specs for name in expand(spec)]
    if len(names) > MOST_MODELS:
        raise SettingError(
            f"These are {len(names)} models, which would all be loaded at once.",
            setting="MODEL",
            value=" ".join(specs),
            way_out=f"Narrow the pattern to {MOST_MODELS} or fewer, or give each its own command; the first is {names[0]}.",
        )
    fields = ("preprocess", "classes", "outputs", "trust")
    settings = {name: getattr(options, name) for name in fields}
    if options.classes.endswith(".csv"):
        settings["classes"] = "auto"
    device = options.device
    if device == "auto" and Rank.from_environment().of > 1:
        import torch

        device = f"cuda:{Rank.from_environment().local}" if torch.cuda.is_available() else "cpu"
    nets = _architectures(names, options.arch)
    return [load_model(name, arch=net, **settings, device=device) for name, net in zip(names, nets, strict=True)]


def _architectures(names: Sequence[str], given: tuple[str, ...]) -> list[str | None]:
    """For each model its ``--arch``: those of weights files, or where there is none the first, which will complain."""
    from eyechart.models.load import STATE_SUFFIXES

    files = [name for name in names if name.endswith(STATE_SUFFIXES)] or list(names[:1])
    if len(given) > 1 and len(given) != len(files):
        raise SettingError(
            f"{len(given)} architectures are given for {len(files)} weights file{'s' if len(files) > 1 else ''}.",
            setting="--arch",
            value=" ".join(given),
            way_out="Give one for all files, or one for each, in their order.",
        )
    in_order = iter(given if len(given) > 1 else given * len(files))
    return [next(in_order, None) if name in files else None for name in names]


def maps_images(classes: str) -> bool:
    """Whether ``--classes`` says how the images' classes are matched, rather than what the outputs are called."""
    return classes == "sorted" or classes.endswith(".csv")


def _some(lines: Sequence[str], classes: str) -> list[str]:
    """How classes were matched, and the first matches; all of them where they went by position."""
    if classes == "sorted" or len(lines) <= SHOWN_CLASSES + 1:
        return list(lines)
    return [*lines[: SHOWN_CLASSES + 1], f"... and {len(lines) - SHOWN_CLASSES - 1} more; all stand in run.json."]


def settings_of(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """``("bands.radii=[4, 8]",)`` as ``{"bands": {"radii": [4, 8]}}``; values are JSON where they can be, else text."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        exam_name, dot, field = name.strip().partition(".")
        if not (equals and dot and field):
            raise SettingError(
                "Not a setting.", setting="--set", value=text, way_out="Write exam.name=value, as bands.radii=[4,8]."
            )
        try:
            found.setdefault(exam_name, {})[field] = json.loads(value)
        except ValueError:
            found.setdefault(exam_name, {})[field] = value
    return found


def default_out(models: tuple[str, ...]) -> str:
    """A new folder in the current one, named after the model.

    Raises:
        SettingError: several processes are at work, which would each choose one of their own.
    """
    from eyechart.run.session import slots
    from eyechart.run.spread import Rank

    if Rank.from_environment().of > 1:
        way_out = "Give all processes the same folder with --out."
        raise SettingError("Several processes need one run folder.", setting="--out", value="none", way_out=way_out)
    stem = f"eyechart-{slots(list(models))[0].removesuffix('.safetensors').removesuffix('.pth')}"
    taken = next(n for n in range(1, 10_000) if not Path(f"{stem}-{n}").exists())
    return f"{stem}-{taken}"
