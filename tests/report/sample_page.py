"""A realistic report, made up: run this file with a path to write it there and look at it."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from eyechart.core.chart import (
    Bars,
    Chart,
    Circle,
    Dots,
    Finding,
    Gallery,
    Heatmap,
    Lines,
    Mark,
    Panels,
    Rule,
    Series,
    Surface,
    Table,
    Tiles,
)
from eyechart.core.chart_numbers import plain_numbers
from eyechart.report.page import BadImage, Counts, KeptCase, ModelCard, Page, PageSection, Picture, render_page

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RADII = (4.0, 8.0, 12.0, 16.0)


def series(name: str, *values: float | None, half: float = 0.012) -> Series:
    """A line with an interval of ``half`` to each side of its values."""
    low = [None if v is None else max(0.0, v - half) for v in values]
    high = [None if v is None else min(1.0, v + half) for v in values]
    return Series(name, values, low, high)


def texture(seed: int, size: int, blur: int) -> np.ndarray:
    """A soft random texture, (size, size, 3) uint8."""
    field = np.random.default_rng(seed).normal(size=(size, size, 3))
    for axis in (0, 1):
        for _ in range(blur):
            field = (field + np.roll(field, 1, axis) + np.roll(field, -1, axis)) / 3
    field = (field - field.min()) / (field.max() - field.min())
    return np.asarray(field * 255, dtype=np.uint8)


def picture(seed: int, size: int = 32, blur: int = 3, shift: int = 0) -> Picture:
    """A texture as a PNG, moved sideways by ``shift`` pixels."""
    file = BytesIO()
    Image.fromarray(np.roll(texture(seed, size, blur), shift, axis=1)).save(file, "png")
    return Picture(file.getvalue(), "image/png", (size, size))


def accuracy() -> PageSection:
    """Accuracy and calibration."""
    charts: tuple[Chart, ...] = (
        Lines(
            title="How often it is right when it says it is sure",
            x_label="stated confidence",
            y_label="share that is right",
            x=(0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95),
            series=(series("right", None, 0.41, 0.47, 0.58, 0.66, 0.77, 0.965, half=0.03),),
            caption="A well calibrated model lies on the diagonal: of the images it calls 80% sure, 80% are right.",
            y_range=(0.0, 1.0),
        ),
        Bars(
            title="Accuracy by class",
            x_label="share that is right",
            categories=CLASSES,
            series=(series("right", 0.937, 0.962, 0.893, 0.842, 0.921, 0.871, 0.951, 0.944, 0.958, 0.949, half=0.018),),
            caption="The classes it knows best and least.",
            rules=(Rule(0.923, "mean"),),
            x_range=(0.0, 1.0),
        ),
        Table(
            title="Summary of the clean images",
            columns=("measure", "value", "low", "high", "images"),
            rows=(
                ("right at the first guess", 0.9228, 0.9174, 0.9279, 9979),
                ("right within five guesses", 0.9974, 0.9962, 0.9982, 9979),
                ("calibration error (15 bins of equal mass)", 0.0312, 0.0268, 0.0357, 9979),
            ),
            formats=(None, "percent", "percent", "percent", "integer"),
        ),
    )
    findings = (
        Finding("strong", "It is right on 92.3% of the images (91.7–92.8%)."),
        Finding(
            "weak",
            "It is surer than it should be: its stated confidence is 3.1 points above how often it is right.",
            "Divide its logits by 1.6 (temperature scaling on held-out images) before reading them as probabilities.",
        ),
    )
    return PageSection(
        "accuracy",
        "Accuracy and calibration",
        "How often the model is right, and whether its stated confidence can be taken at its word. "
        "Everything else in this report is measured against these figures.",
        findings,
        charts,
        "resnet20",
    )


def bands() -> PageSection:
    """Frequencies."""
    charts: tuple[Chart, ...] = (
        Lines(
            title="What remains when frequencies are taken away",
            x_label="radius of the cut (16 = finest detail at 32 pixels)",
            y_label="share of images still recognised",
            x=RADII,
            series=(series("low only", 0.243, 0.561, 0.803, 0.921), series("high only", 0.318, 0.142, 0.104, 0.1)),
            caption="Low only keeps the coarse shapes below the radius; high only keeps the fine detail above it.",
            rules=(Rule(0.1, "chance"), Rule(0.923, "all frequencies")),
            y_range=(0.0, 1.0),
        ),
        Lines(
            title="Agreement with its own answer on the whole image",
            x_label="radius of the cut",
            y_label="share of answers that stay",
            x=RADII,
            series=(
                series("low only", 0.251, 0.573, None, 0.961),
                series("high only", 0.322, 0.149, 0.113, 0.104),
                series("swapped phase", 0.312, 0.287, 0.143, 0.121),
            ),
            caption="At radius 12 the low images of one class were too few to say.",
            y_range=(0.0, 1.0),
        ),
        Gallery(
            title="Right on the fine detail alone",
            key="bands.high",
            pictures=(("original", "whole image"), ("low", "low only"), ("high", "high only")),
            lines=("{label}: {clean:.0%}", "{low_says}: {low:.0%}", "{high_says}: {high:.0%}"),
            caption="To people the third picture shows next to nothing; the model still names it.",
        ),
    )
    findings = (
        Finding(
            "weak",
            "It still recognises 31.8% of images (30.6–33.0%) from fine detail above radius 4 alone, "
            "three times as many as chance.",
            "Train with random low-pass filtering, or try the remedy “smooth first layer”.",
        ),
        Finding("note", "Half of its accuracy comes back once frequencies up to radius 7 are shown."),
    )
    return PageSection(
        "frequency_bands",
        "Frequencies",
        "Images are shown with only their coarse or only their fine detail. "
        "A model that sees as people do fails gracefully on the first and completely on the second.",
        findings,
        charts,
        "resnet20",
    )


def shifts() -> PageSection:
    """One-pixel shifts."""
    chart = Bars(
        title="How often the answer changes when the image moves by one pixel",
        x_label="share of images whose answer changes",
        categories=("crop from a larger image", "zero padding", "reflected edge", "circular shift (wraps around)"),
        series=(
            series("one pixel sideways", 0.062, 0.081, 0.066, 0.059, half=0.005),
            series("diagonal", 0.079, 0.1, 0.083, None, half=0.006),
        ),
        caption="Each way of filling the edge has its own side effects; they agree on the order of magnitude.",
    )
    pictures = Gallery(
        title="Answers that one pixel changes",
        key="shift",
        pictures=(("before", "before"), ("after", "one pixel to the right")),
        lines=("{label}: {clean:.0%}", "{says}: {moved:.0%}"),
    )
    finding = Finding(
        "weak",
        "Moving the image by a single pixel changes 6.2% of its answers (5.7–6.7%).",
        "Blur before each strided layer (remedy “blur-pool”), which costs 2% more compute.",
    )
    return PageSection(
        "shift",
        "One-pixel shifts",
        "The image is moved by one pixel, which no person would notice. The answer should not change.",
        (finding, Finding("strong", "Reflecting the edge instead of padding it costs nothing: 6.6% against 6.2%.")),
        (chart, pictures),
        "resnet20",
    )


def spectrum() -> Lines:
    """Power over frequency, on log axes, at 160 places."""
    radius = np.concatenate([[0.0], np.linspace(0.7, 112, 159)])
    with np.errstate(divide="ignore"):
        natural, noisy = 0.4 * radius**-2.1, 0.4 * radius**-1.6 * np.exp(-radius / 60)
    spread = np.exp(0.35 * np.sqrt(radius / 112))
    lines = [
        Series(name, *(plain_numbers(v) for v in (power, power / spread**2, power * spread)))
        for name, power in (("images", natural), ("what moves the answer", noisy))
    ]
    return Lines(
        title="Power of the images and of what moves the answer",
        x_label="frequency (cycles per image)",
        y_label="mean power",
        x=plain_numbers(radius),
        series=lines,
        caption="Natural images lose power as the square of frequency; the gradient of this model loses less.",
        format="number",
        x_scale="log",
        y_scale="log",
        marks=(Mark(8, "head and tail part"), Mark(12, "half the power"), Mark(112, "Nyquist")),
    )


def plane(size: int, seed: int = 0) -> Heatmap:
    """Fourier sensitivity over the plane of frequencies, from -size // 2 on."""
    at = np.arange(size) - size // 2
    v, u = np.meshgrid(at, at, indexing="ij")
    noise = np.random.default_rng(seed).normal(size=(size, size))
    error = (
        0.06 + 0.7 * np.exp(-((np.hypot(0.8 * u, v) - size / 4) ** 2) / (size / 2)) + 0.02 * (noise + noise[::-1, ::-1])
    )
    return Heatmap(
        title=f"Errors where one frequency is added, {size} × {size} pixels",
        x_label="horizontal frequency",
        y_label="vertical frequency",
        z_label="share of errors",
        x=plain_numbers(at),
        y=plain_numbers(at),
        z=plain_numbers(np.clip(error, 0, 1)),
        caption="Zero frequency is in the middle; fine detail is at the edges.",
        format="percent",
        circles=(Circle(8, "radius 8"), Circle(size / 2, "n/2")),
    )


def landscape(seed: int = 0, steep: float = 1.0, *, diverging: float | None = None) -> Heatmap:
    """A bowl with ripples; part of it was not reached."""
    at = np.linspace(-1, 1, 41)
    b, a = np.meshgrid(at, at, indexing="ij")
    loss = 0.4 + 3 * steep * (a**2 + 0.6 * b**2 + 0.25 * np.sin(3 * a + seed) * np.cos(2.5 * b))
    loss[np.hypot(a - 1, b - 1) < 0.35] = np.nan
    change = loss - 1.5 if diverging is not None else loss
    return Heatmap(
        title=("low", "high", "full")[seed % 3] + " frequencies"
        if diverging is None
        else "The loss around the weights",
        x_label="first direction",
        y_label="second direction",
        z_label="change of the loss" if diverging is not None else "loss",
        x=plain_numbers(at),
        y=plain_numbers(at),
        z=plain_numbers(change),
        caption="The weights are moved along two random directions, each filter by its own norm.",
        contours=(-1.0, 0.0, 1.0, 2.0) if diverging is not None else (0.5, 1.0, 2.0, 3.0),
        diverging=diverging,
    )


def kernels(count: int = 64, size: int = 7) -> Tiles:
    """Oriented gratings, some of them coloured."""
    chance = np.random.default_rng(3)
    at = np.linspace(-1, 1, size)
    v, u = np.meshgrid(at, at, indexing="ij")
    tiles = []
    for i in range(count):
        angle, rate, phase = chance.uniform(0, np.pi), chance.uniform(1, 5), chance.uniform(0, 6)
        wave = np.cos(rate * (u * np.cos(angle) + v * np.sin(angle)) + phase) * np.exp(-2 * (u**2 + v**2))
        tint = np.full(3, 0.5) if i % 3 else chance.normal(0, 0.5, 3)
        tiles.append(np.clip(0.5 + wave[..., None] * tint, 0, 1).round(3))
    return Tiles(
        title="Kernels of the first layer",
        tiles=plain_numbers(tiles),
        labels=[str(i + 1) for i in range(count)],
        caption="Each kernel is scaled for itself so that no change is mid-grey.",
    )


def cues() -> Dots:
    """Two observers over sixteen categories, with published values."""
    chance, names = np.random.default_rng(5), [*CLASSES, "bear", "chair", "clock", "keyboard", "knife", "oven"]
    made = [[round(float(v), 3) for v in chance.beta(2, 2 + 3 * k, len(names))] for k in range(2)]
    return Dots(
        title="Shape or texture, by category",
        x_label="share of shape among answers that name shape or texture",
        categories=names,
        series=[series("resnet20", *made[0], half=0.1), series("resnet20 with stylised images", *made[1], half=0.1)],
        caption="Upright lines: over all categories.",
        pooled=[0.44, 0.3],
        rules=(Rule(0.9587, "people, published"), Rule(0.2207, "ResNet-50, published")),
        x_range=(0.0, 1.0),
        ends=("texture", "shape"),
    )


def surfaces() -> PageSection:
    """Spectra, planes, landscapes and kernels."""
    charts: tuple[Chart, ...] = (
        spectrum(),
        plane(32),
        plane(63, 1),
        landscape(2, diverging=0.0),
        kernels(),
        cues(),
        Panels(
            "The loss at low and high frequencies",
            (landscape(2), landscape(0, 0.4), landscape(1, 1.6)),
            "On one scale.",
        ),
        Surface("The same as hills", (landscape(2), landscape(0, 0.4), landscape(1, 1.6)), "Cut off at 4.", (0.0, 4.0)),
    )
    return PageSection(
        "fourier",
        "Planes and landscapes",
        "Where in the plane of frequencies the model is sensitive, and how steep its loss is around its weights.",
        (Finding("note", "Its errors lie on a ring of radius 8."),),
        charts,
        "resnet20",
    )


def cases() -> tuple[KeptCase, ...]:
    """Kept cases of bands and shifts."""
    kept = []
    for i in range(9):
        label, other = CLASSES[i], CLASSES[(i + 3) % 10]
        facts = {"label": label, "clean": 0.99 - i / 50, "low_says": other, "low": 0.4 + i / 50, "high_says": label}
        shown = {"original": picture(i), "low": picture(i, blur=12), "high": picture(i, blur=0)}
        facts |= {"high": 0.93 - i / 40, "group": "Named correctly, most confident first"}
        kept.append(KeptCase("bands.high/right", 1 - i / 10, f"test/{label}/{i:05d}.png", facts, shown))
    for i in range(4):
        facts = {"label": CLASSES[i], "clean": 0.61, "says": CLASSES[i + 4], "moved": 0.58}
        shown = {"before": picture(50 + i, 224, 30), "after": picture(50 + i, 224, 30, shift=1)}
        kept.append(KeptCase("shift/one", 1 - i / 10, f"test/{CLASSES[i]}/{i + 40:05d}.png", facts, shown))
    return tuple(kept)


def provenance() -> dict[str, object]:
    """How the figures came to be."""
    return {
        "command": "eyechart exam resnet20.safetensors --arch eyechart:resnet20 --images cifar10:data --suite quick",
        "seed": 0,
        "precision": "float32",
        "started": "2026-11-22T10:04:00+00:00",
        "took": "4 min 12 s",
        "versions": {"eyechart": "0.1.0", "torch": "2.10.0", "numpy": "2.4.6", "python": "3.11.7"},
        "hardware": {"processor": "2 cores, AVX-512", "memory": "8 GB", "accelerator": None},
        "fingerprints": {
            "weights": "blake2:9f2c41d08a7be3c15572d90e6fb8a4417c20",
            "images": "blake2:c30a77e1f5d2984b6a0e8bd3719f2265aa41",
        },
        "settings": {
            "accuracy": {"bins": 15, "debias": False},
            "frequency_bands": {"radii": [4, 8, 12, 16], "fill": "mean"},
            "shift": {"protocols": ["crop", "zero", "reflect", "circular"], "pixels": 1},
        },
    }


def sample() -> Page:
    """The whole page."""
    bad = (
        BadImage("test/cat/00017.png", "unreadable", "The file ends after 1,204 of 2,311 bytes."),
        BadImage("test/dog/00321.png", "too large", "179,000,000 pixels; the most allowed is 178,956,970."),
    )
    about = (
        ("architecture", "eyechart:resnet20"),
        ("parameters", "272,474"),
        ("input", "32 × 32 pixels, RGB"),
        ("classes", "10"),
        ("file", "resnet20.safetensors"),
    )
    images = (("source", "CIFAR-10, test"), ("size", "32 × 32 pixels"), ("classes", "10"), ("labels", "class folders"))
    return Page(
        title="Eye exam of resnet20 on CIFAR-10",
        created="2026-11-22T10:08:12+00:00",
        models=(ModelCard("resnet20", about),),
        images=images,
        counts=Counts(9979, 12, 21, bad),
        sections=(accuracy(), bands(), shifts(), surfaces()),
        kept={"resnet20": cases()},
        skipped=(("texture_or_shape", "The images carry no shape and texture labels."),),
        provenance=provenance(),
        preview=None,
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(sample()), encoding="utf-8")
