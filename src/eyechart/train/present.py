"""What the log and the recipe say, as a page: curves of learning, what was watched, and the recipe in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eyechart.core.chart import Lines, Mark, Series, Table
from eyechart.core.judged import judged_measures
from eyechart.report.training_page import TrainingPage, TrainingPart, render_training
from eyechart.store.folder import Folder
from eyechart.train.curves import best_epoch, epochs_to, gap, order_of_acquisition, values_of
from eyechart.train.log import read
from eyechart.train.recipe import Recipe
from eyechart.train.record import remarks

PAGE = "report.html"
PROOF = "proof/report.html"
MOST = 8  # lines in a chart
SETS = {"train": "training images", "test": "test images"}
CLEAN = "clean.accuracy"
WORDS = {"ece": "calibration error (ECE)", "nll": "log loss (NLL)", "p top1 change": "chance of another answer"}
Curve = list[tuple[int, float]]
Curves = Mapping[str, Curve]


@dataclass(frozen=True)
class Watched:
    """A column of the log: the image set's short name, exam and measure, coordinates as text, and its curve."""

    images: str
    measure: str
    at: str
    curve: Curve

    @property
    def key(self) -> str:
        """The same for training and test images."""
        return f"{self.measure} {self.at}".strip()


def write_page(folder: Folder, recipe: Recipe, title: str, provenance: Mapping[str, Any]) -> None:
    """Write ``report.html`` of the log that lies in ``folder``, with a link to the proof if there is one."""
    lines = read(folder)
    start = str(provenance.get("start_name") or provenance.get("start") or "")
    page = TrainingPage(
        title=title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sentences=(*told(lines, folder), *(f"Note: {remark}" for remark in remarks(folder))),
        recipe=tuple(in_words(recipe, start)),
        parts=tuple(parts_of(lines)),
        proof=PROOF if folder.read(PROOF) is not None else "",
        proof_text=f"The exam on test images{', with what changed and by how much' if start else ''}",
        provenance=provenance,
    )
    folder.write(PAGE, render_training(page).encode())


def watched(lines: Sequence[Mapping[str, Any]]) -> list[Watched]:
    """The columns that exams have written, in the log's order."""
    found = []
    for column in dict.fromkeys(name for line in lines for name in line if "." in name):
        images, _, rest = column.partition(".")
        measure, _, at = rest.partition(" ")
        found.append(Watched(images, measure, at, values_of(lines, column)))
    return [one for one in found if one.curve]


def stopping(columns: Sequence[Watched]) -> int | None:
    """The epoch at which stopping early would have stopped: best on clean test images; None where that was not watched."""
    return next((best_epoch(c.curve) for c in columns if (c.images, c.key) == ("test", CLEAN)), None)


def told(lines: Sequence[Mapping[str, Any]], folder: Folder | None = None) -> list[str]:
    """What came out, in sentences; ``folder``: where the runs of the exams lie, for intervals."""
    if not lines:
        return ["No epoch was finished."]
    last, columns = lines[-1], watched(lines)
    right, epochs = 100 * float(last["accuracy"]), int(last["epoch"])
    found = [
        f"After {epochs:,} epoch{'s' if epochs > 1 else ''} the loss is {float(last['loss']):.3f}, and {right:.1f}% of what "
        "training shows is answered rightly."
    ]
    if (early := stopping(columns)) is not None:
        found.append(_best(next(dict(c.curve) for c in columns if (c.images, c.key) == ("test", CLEAN)), early, folder))
    notes = [str(line["note"]) for line in lines if line.get("note")]
    return [*found, *(f"Note: {note}." for note in dict.fromkeys(notes))]


def _best(curve: Mapping[int, float], early: int, folder: Folder | None) -> str:
    """Where stopping early would have stopped, and how sure that is."""
    last = max(curve)
    of = "the last epoch" if early == last else f"epoch {early:,}"
    how = f"{100 * curve[early]:.1f}%"
    among = "of the epochs that were watched"
    run = None if folder is None else folder.read_json(f"watch/epoch-{early:05d}/test/results.json")
    clean = [
        e for e in (run or {}).get("estimates", []) if (e["exam"], e["measure"], e["at"]) == ("clean", "accuracy", {})
    ]
    low, high = 1.0, 0.0
    if clean and clean[0]["low"] is not None:
        low, high, n = float(clean[0]["low"]), float(clean[0]["high"]), clean[0]["n"]
        how += f"; 95% interval {100 * low:.1f} to {100 * high:.1f}%, {n:,} images"
    sentence = f"On clean test images the net was best at {of} ({how}), {among}"
    if early == last:
        return f"{sentence}."
    within = ", within that interval" if low <= curve[last] <= high else ""
    return f"{sentence}; at the end it was {100 * curve[last]:.1f}%{within}. The highest of several is flattered by chance."


def parts_of(lines: Sequence[Mapping[str, Any]]) -> list[TrainingPart]:
    """Learning; what was watched; training less test; how soon."""
    columns = watched(lines)
    marks = [] if (early := stopping(columns)) is None else [Mark(early, "best on test images")]
    found = [_learning(lines, columns, marks)]
    measures = dict.fromkeys(c.measure for c in columns if c.measure != CLEAN)
    charts = [chart for measure in measures for chart in _charts(measure, columns, marks)]
    if charts:
        why = "Exams on fixed images, sat while the net was trained. With labels dealt out anew, training images keep those."
        found.append(TrainingPart("watched", "Watched while it learned", why, tuple(charts)))
    if gaps := _gaps(columns, marks):
        why = "The same measure on training images less that on test images: what was learned of those images alone."
        found.append(TrainingPart("gap", "Training less test", why, gaps))
    if order := _order(columns):
        why = (
            "Measures of right answers. The first epoch at which a curve has come nine tenths of the way from 0 to its last "
            "value; the soonest first."
        )
        found.append(TrainingPart("order", "Order of acquisition", why, order))
    return found


def _learning(lines: Sequence[Mapping[str, Any]], columns: Sequence[Watched], marks: Sequence[Mark]) -> TrainingPart:
    shown = {"as trained": values_of(lines, "accuracy")}
    shown |= {SETS.get(c.images, c.images): c.curve for c in columns if c.key == CLEAN}
    charts = (
        _lines("Loss", "loss", {"as trained": values_of(lines, "loss")}, marks, style="number"),
        _lines("Accuracy", "answered rightly", shown, marks),
        _lines("Learning rate", "at the end of the epoch", {"rate": values_of(lines, "lr")}, style="number"),
    )
    why = "Loss and accuracy as trained are means over an epoch, on augmented images and while the weights change."
    return TrainingPart("learning", "Learning", why, charts)


def _charts(measure: str, columns: Sequence[Watched], marks: Sequence[Mark]) -> list[Lines]:
    """One chart for each image set and each word among the coordinates, one line for each number."""
    groups: dict[tuple[str, str], dict[str, Curve]] = {}
    chosen = [c for c in columns if c.measure == measure]
    few = len({c.at for c in chosen}) <= MOST
    for c in chosen:
        group, name = ("", c.at) if few else _apart(c.at)
        groups.setdefault((c.images, group), {})[_spaced(name) or "all"] = c.curve
    charts = []
    for (images, group), curves in groups.items():
        named = plain(f"{measure} {group}".strip())
        style = "percent" if _shares(curves) else "number"
        charts.append(_lines(f"{named}, {SETS.get(images, images)}", plain(measure), curves, marks, style=style))
    return charts


def plain(key: str) -> str:
    """A column's name for readers.

    >>> plain("bands.high_not_low band=low radius=8")
    'bands: high not low, band low, radius 8'
    """
    name, _, at = key.partition(" ")
    exam, _, measure = name.replace("_", " ").partition(".")
    return ", ".join([f"{exam}: {WORDS.get(measure, measure)}", *([_spaced(at)] if at else [])])


def _spaced(at: str) -> str:
    """Coordinates for readers."""
    return at.replace(" ", ", ").replace("=", " ").replace("_", " ")


def _apart(at: str) -> tuple[str, str]:
    """Coordinates that are words, and those that are numbers."""
    words: list[str] = []
    numbers: list[str] = []
    for part in at.split(" "):
        _, _, value = part.partition("=")
        (numbers if value.replace(".", "", 1).lstrip("-").isdigit() else words).append(part)
    return " ".join(words), " ".join(numbers)


def _gaps(columns: Sequence[Watched], marks: Sequence[Mark]) -> tuple[Lines, ...]:
    own = {(c.images, c.key): c.curve for c in columns}
    both = {
        key: gap(curve, own["test", key])
        for (images, key), curve in own.items()
        if images == "train" and ("test", key) in own
    }
    shares = {key: curve for key, curve in both.items() if _shares({"": own["test", key]})}
    charts = []
    for measure in dict.fromkeys(key.partition(" ")[0] for key in shares):
        curves = {
            _spaced(key.partition(" ")[2]) or "all": curve
            for key, curve in shares.items()
            if key.partition(" ")[0] == measure
        }
        charts.append(_lines(f"{plain(measure)}, training less test", "difference", curves, marks))
    return tuple(charts)


def rises(measure: str) -> bool:
    """Whether a measure, with its exam's name, counts what is learned: more of it is better, and none of it is 0.

    >>> rises("bands.accuracy"), rises("corruptions.mean_corruption_error"), rises("clean.ece")
    (True, False, False)
    """
    exam, _, name = measure.partition(".")
    return name.endswith("accuracy") or any(
        (j.exam, j.measure, j.better) == (exam, name, "more") for j in judged_measures()
    )


def _order(columns: Sequence[Watched]) -> tuple[Table, ...]:
    charts = []
    for images in dict.fromkeys(c.images for c in columns):
        curves = {c.key: c.curve for c in columns if c.images == images and rises(c.measure)}
        if not curves:
            continue
        rows = [
            (plain(name), epochs_to(curves[name]), curves[name][-1][1], best_epoch(curves[name]))
            for name in order_of_acquisition(curves)
        ]
        heads = ("measure", "epochs to 90 %", "at the end", "highest at epoch")
        charts.append(Table(SETS.get(images, images).capitalize(), heads, rows, (None, "integer", "number", "integer")))
    return tuple(charts)


def _shares(curves: Curves) -> bool:
    return all(0 <= value <= 1 for curve in curves.values() for _, value in curve)


def _lines(title: str, y: str, curves: Curves, marks: Sequence[Mark] = (), *, style: Any = "percent") -> Lines:
    names = list(curves)
    shown = names if len(names) <= MOST else [names[round(k * (len(names) - 1) / (MOST - 1))] for k in range(MOST)]
    caption = "" if len(names) <= MOST else f"{MOST} of {len(names)} lines, evenly chosen; log.csv has all."
    x = sorted({epoch for name in shown for epoch, _ in curves[name]})
    series = [Series(name, [dict(curves[name]).get(epoch) for epoch in x]) for name in shown]
    return Lines(title, "epoch", y, x, series, caption=caption, format=style, marks=marks, joined=True)


def in_words(recipe: Recipe, start: str = "") -> list[tuple[str, str]]:
    """Lines of (label, value): what the recipe does, without what it leaves alone; ``start``: the model begun with."""
    ghosts = f", BatchNorm in {recipe.ghost_batches} parts" if recipe.ghost_batches > 1 else ""
    found = [("What", recipe.about)] if recipe.about else []
    found.append(("Shown", f"{recipe.epochs:,} epochs, {recipe.batch_size:,} images a step{ghosts}"))
    found.append(("Steps", _steps(recipe)))
    if recipe.ema:
        found.append(("Weights kept", f"a running mean, decay {recipe.ema:g}"))
    drawn = "random weights, as the net's code draws them" if recipe.start == "default" else "random weights, Xavier's"
    if recipe.remedies:
        cures = (_named({"name": one} if isinstance(one, str) else one) for one in recipe.remedies)
        found.append(("Architecture", f"changed before training: {', '.join(cures)}"))
    found.append(("Start", f"the weights of {start}" if start else drawn))
    found.append(("Precision", f"{recipe.precision}; weights and loss in float32"))
    found.append(("Augmentation", "; then ".join(map(_named, recipe.augment)) or "none"))
    found.append(("Objective", _named(recipe.objective)))
    return [*found, *([("Labels", "dealt out anew")] if recipe.shuffled_labels else [])]


def _steps(recipe: Recipe) -> str:
    parts = [f"{recipe.optimiser}, learning rate {recipe.lr:g}"]
    parts += [f"rising for {recipe.warmup:g} epoch{'s' if recipe.warmup > 1 else ''}"] if recipe.warmup else []
    match recipe.schedule:
        case "cosine":
            parts.append(f"falling as a cosine to {recipe.final_lr:g}")
        case "steps":
            parts.append(f"times {recipe.factor:g} after {', '.join(map(str, recipe.milestones))} epochs")
    if recipe.optimiser in ("sgd", "rmsprop") and recipe.momentum:
        parts.append(f"momentum {recipe.momentum:g}{' (Nesterov)' if recipe.nesterov else ''}")
    parts += [f"weight decay {recipe.weight_decay:g}"] if recipe.weight_decay else []
    return ", ".join([*parts, *([f"gradients of norm {recipe.clip:g} at most"] if recipe.clip else [])])


def _named(settings: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "name")
    return f"{settings['name']}{f' ({rest})' if rest else ''}"
