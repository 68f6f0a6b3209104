"""What training with a remedy is worth: small nets trained from nothing on CIFAR-10 by the recipes for CPUs, side by side.

Each arm is ``eyechart:cifar_resnet8`` trained for 15 epochs on the 24,984 training images of ../shared/data: ``standard`` and
``bass`` with seeds 0, 1 and 2, the others with seed 0. All nets then sit the same exams on the same test images.

    python benchmarks/remedies.py train --out DIR                   # one after another; what is finished stays
    python benchmarks/remedies.py train --out DIR --arms bass       # some
    python benchmarks/remedies.py table --out DIR                   # exams of all that are trained, and Markdown
    python benchmarks/remedies.py rows --out DIR                    # five rows, of nets trained with BaSS and without

``table`` prints figures with 95 % intervals over images; differences from the standard net of the same seed, paired by image;
and over seeds the mean of such differences, with Student's t of as many differences as there are seeds.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import eyechart
from eyechart.balanced import balanced_rows
from eyechart.core.catalogue import make_exams
from eyechart.core.estimate import Estimate
from eyechart.models.image_model import ImageModel
from eyechart.proving import Change, compared
from eyechart.run.options import RunOptions
from eyechart.run.reporter import Silent
from eyechart.run.session import Session
from eyechart.store.folder import Folder
from eyechart.store.run_folder import Run
from eyechart.training import train_model

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10"
ARCH = "eyechart:cifar_resnet8"
SEEDS = {"standard": 3, "bass": 3, "augmix": 1, "augmix_bass": 1, "antialias": 1, "pgd_at": 1, "pgd_at_bass": 1}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "corruptions": {"images": 10_000, "frequencies": False},
    "adversarial": {"attacks": ("fgsm", "pgd", "short", "square")},
    "shift": {"protocols": ("crop",), "pairs_per_image": 1},
    "consistency": {"passes": 1, "modes": ("crop", "roll")},
}
EXAMS = ("clean", *SETTINGS)
Figure = tuple[str, str, Mapping[str, Any]]
ALL = {"given": "all"}
FIGURES: Mapping[str, Figure] = {
    "right as they are": ("clean", "accuracy", {}),
    "wrong under corruptions": ("corruptions", "mean_corruption_error", ALL),
    "right within 1/255": ("adversarial", "robust_accuracy", {"attack": "all", "eps": 1 / 255}),
    "right within 8/255": ("adversarial", "robust_accuracy", {"attack": "all", "eps": 8 / 255}),
    "other answer, 1 pixel": ("shift", "p_top1_change", ALL),
    "same answer, two crops": ("consistency", "consistency", ALL),
    "same answer, rolled": ("consistency", "roll_consistency", ALL),
}
FAMILIES: Mapping[str, Figure] = {
    name: ("corruptions", "family_error", {"family": name, **ALL}) for name in ("noise", "blur", "weather", "digital")
}


def names(arms: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Arms and seeds, the first seed of all first."""
    for seed in range(max(SEEDS.values())):
        yield from ((arm, seed) for arm in arms if seed < SEEDS[arm])


def train(out: Path, arms: Sequence[str]) -> None:
    images = eyechart.load_images(f"cifar10:{DATA}#train")
    for arm, seed in names(arms):
        print(arm, seed, file=sys.stderr)
        train_model(
            ARCH,
            images,
            f"{arm}_small",
            out / f"{arm}_small-{seed}",
            seed=seed,
            said=lambda line: print(line, file=sys.stderr),
        )


def trained(out: Path, arms: Sequence[str]) -> list[ImageModel]:
    """Those that are finished."""
    files = {f"{arm} {seed}": out / f"{arm}_small-{seed}" / "model.safetensors" for arm, seed in names(arms)}
    return [replace(eyechart.load_model(str(file)), name=name) for name, file in files.items() if file.exists()]


def table(out: Path, arms: Sequence[str], limit: int) -> None:
    """Each net sits its exams in a run of its own in ``out``/exams; the same command goes on."""
    sat = {model.name: examined(out, model, limit) for model in trained(out, arms)}
    known = {name: f"standard {name.split()[1]}" for name in sat}
    pairs = [(name, base) for name, base in known.items() if base in sat and base != name]
    changes = [change for name, base in pairs for change in compared(sat[name], name, sat[base], base)]
    runs = {name: eyechart.open_run(session.folder.root) for name, session in sat.items()}
    for figures in (FIGURES, FAMILIES):
        print(
            markdown(
                "net, seed", figures, {name: [level(runs[name], name, f) for f in figures.values()] for name in sat}
            )
        )
        less = {name: [difference(changes, name, f) for f in figures.values()] for name, _ in pairs}
        print(markdown("less standard, same seed", figures, less))
        several = {arm: [over_seeds(changes, arm, f) for f in figures.values()] for arm in arms if arm != "standard"}
        print(markdown("less standard, over seeds", figures, {arm: row for arm, row in several.items() if any(row)}))


def examined(out: Path, model: ImageModel, limit: int) -> Session:
    """The finished session of a net."""
    images, exams = eyechart.load_images(f"cifar10:{DATA}"), make_exams(EXAMS, SETTINGS)
    folder = Folder(out / "exams" / model.name.replace(" ", "-"))
    options = RunOptions.of(limit=limit, workers=0)
    session = Session([model], images, exams, folder, options, Silent(), "auto", "benchmarks/remedies.py")
    session.run()
    return session


def markdown(head: str, figures: Mapping[str, Figure], rows: Mapping[str, Sequence[str]]) -> str:
    """A table of rows by name."""
    lines = [[head, *figures], ["---"] * (1 + len(figures)), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def level(run: Run, model: str, figure: Figure) -> str:
    """A figure in per cent, with its interval over images."""
    return told(next(e for e in run.estimates if e.model == model and fits(e, figure)))


def told(e: Estimate) -> str:
    """Per cent, interval, number of images."""
    return between(e.value, e.low, e.high) + f" n={e.n:,}"


def difference(changes: Sequence[Change], model: str, figure: Figure) -> str:
    """In points, with its interval over images; bold where it is shown after Holm's correction."""
    found = next((c for c in changes if c.model == model and fits(c, figure)), None)
    if found is None:
        return ""
    text = between(found.value, found.low, found.high, "+.1f")
    return f"**{text}**" if found.verdict in ("better", "worse") else text


def over_seeds(changes: Sequence[Change], arm: str, figure: Figure) -> str:
    """Mean of the differences of several seeds, with Student's t; nothing for one seed."""
    gaps = [c.value for c in changes if c.model.split()[0] == arm and fits(c, figure)]
    if len(gaps) < 2:
        return ""
    reach = stats.t.ppf(0.975, len(gaps) - 1) * float(np.std(gaps, ddof=1)) / len(gaps) ** 0.5
    middle = float(np.mean(gaps))
    return between(middle, middle - reach, middle + reach, "+.1f") + f" seeds={len(gaps)}"


def between(value: float | None, low: float | None, high: float | None, form: str = ".1f") -> str:
    """Value and interval, times 100."""
    value, low, high = (float("nan") if x is None else 100 * x for x in (value, low, high))
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def fits(e: Estimate | Change, figure: Figure) -> bool:
    exam, measure, at = figure
    return (e.exam, e.measure) == (exam, measure) and all(_same(e.at.get(k), v) for k, v in at.items())


def _same(a: Any, b: Any) -> bool:
    return bool(np.isclose(a, b)) if isinstance(b, float) and a is not None else a == b


def rows(out: Path, arms: Sequence[str], limit: int) -> None:
    """Of the first seed of each arm."""
    images = eyechart.load_images(f"cifar10:{DATA}")
    for model in trained(out, arms):
        if not model.name.endswith(" 0"):
            continue
        found = balanced_rows(
            model, images, out / "rows" / model.name.replace(" ", "-"), limit=limit, settings=SETTINGS
        )
        for row in found:
            print(
                f"| {model.name} | {row.name} | {told(row.accuracy)} | {told(row.corrupted) if row.corrupted else ''} |"
            )


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=("train", "table", "rows"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the nets")
    parser.add_argument("--arms", help=f"with commas; default all: {','.join(SEEDS)}")
    parser.add_argument("--limit", type=int, help="test images; default 1000, rows 500")
    given = parser.parse_args()
    arms = given.arms.split(",") if given.arms else list(SEEDS)
    does: Mapping[str, Callable[[], None]] = {
        "train": lambda: train(given.out, arms),
        "table": lambda: table(given.out, arms, given.limit or 1000),
        "rows": lambda: rows(given.out, arms, given.limit or 500),
    }
    does[given.what]()


if __name__ == "__main__":
    main()
