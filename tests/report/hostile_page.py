"""A page whose every name tries to run, to reach out, or to break the layout."""

from __future__ import annotations

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
from eyechart.report.page import BadImage, Counts, KeptCase, ModelCard, Page, PageSection
from report.sample_page import picture

SCRIPT = "<script>alert(1)</script>"
IMAGE = "\"><img src=x onerror=alert(2)><a href='javascript:alert(3)'>&amp;"
LONG = "unbroken" * 38
STRANGE = "name\x00with\u202econtrol\udcffcharacters"
NAMES = (SCRIPT, IMAGE, LONG, STRANGE, "</style></svg></title><svg onload=alert(4)>", "{{ 7 * 7 }}", "字" * 60, "ok")


def hostile() -> Page:
    """Two models, banners, and hostile text wherever text can be."""
    cases = [
        KeptCase(f"k/{name}", 1.0, name, {"label": name, "group": name}, {"a": picture(i, 224), "b": picture(i)})
        for i, name in enumerate(NAMES)
    ]
    models = (SCRIPT, LONG)
    return Page(
        title=f"Exam of {SCRIPT} & {IMAGE}",
        created=SCRIPT,
        models=tuple(ModelCard(name, ((name, name), (SCRIPT, LONG))) for name in models),
        images=((IMAGE, SCRIPT), (LONG, LONG)),
        counts=Counts(500, 3, 60, tuple(BadImage(name, name, name) for name in NAMES) * 7),
        sections=tuple(section(name) for name in models),
        kept=dict.fromkeys(models, cases),
        skipped=((SCRIPT, LONG), (LONG, SCRIPT)),
        provenance={SCRIPT: {LONG: [SCRIPT, LONG, {"deep": {"deeper": IMAGE}}], "none": None}, LONG: [{"a": LONG}]},
        preview=f"PREVIEW: 500 of 9,979 images {SCRIPT}",
        incomplete=f"Not finished {LONG}",
    )


def section(model: str) -> PageSection:
    """Every kind of chart and finding."""
    findings = (
        Finding("strong", SCRIPT, IMAGE),
        Finding("weak", LONG, LONG),
        Finding("note", IMAGE),
    )
    return PageSection(SCRIPT, f"Names {SCRIPT} {LONG}", f"{IMAGE} {LONG}", findings, charts(), model)


def charts() -> tuple[Chart, ...]:
    """More series than colours, more rules than room, negative and missing values, long names."""
    lines = tuple(Series(name, [i / 10, None, 0.5, 0.4 + i / 100]) for i, name in enumerate(NAMES))
    short = tuple(Series(f"eye {i}", [0.2, 0.5, 0.5 + i / 200], [0.1, 0.4, 0.4], [0.3, 0.6, 0.7]) for i in range(8))
    rules = (Rule(0.5, SCRIPT), Rule(0.51, "half"), Rule(0.1, LONG))
    marks = tuple(Mark(x, name) for x, name in zip((0, 1, 1.1, 2, 60, 64, 112, 500), NAMES, strict=True))
    map_ = heatmap(SCRIPT)
    losses = (Series("change", [-0.2, 0.1, None], [-0.3, 0.05, None], [-0.1, 0.2, None]), Series(LONG, [0.1, -0.1, 0]))
    return (
        Lines(SCRIPT, IMAGE, LONG, (1, 2, 64, 112), lines, caption=LONG, rules=rules),
        Lines("Eight", "radius", "share", (1, 2, 3), short, rules=rules, y_range=(0, 1)),
        Lines(SCRIPT, IMAGE, LONG, (0, 2, 64, 112), lines, rules=rules, x_scale="log", y_scale="log", marks=marks),
        map_,
        Heatmap(LONG, LONG, LONG, LONG, (0, 1e6), (0.5,), ((None, 1e-9),), SCRIPT, "percent", contours=(0.5,)),
        Panels(IMAGE, tuple(heatmap(name) for name in NAMES), SCRIPT, z_range=(0, 2)),
        Panels(LONG, (map_,)),
        Surface(IMAGE, tuple(heatmap(name) for name in NAMES), SCRIPT, z_range=(0, 2)),
        Surface(LONG, (Heatmap(LONG, LONG, LONG, LONG, (0,), (0, 1), ((1,), (None,))),)),
        Tiles(SCRIPT, [[[[i / 8, 0, 1]] * 3] * 2 for i in range(8)], NAMES, LONG),
        Bars("Signed", "points", ("a", LONG, SCRIPT), losses, rules=rules[:2], format="number"),
        Bars(IMAGE, LONG, NAMES, (Series("one", [1e6, 2e5, 0, None, 3, 4, 5, 6]),), format="integer"),
        dots(),
        Table(SCRIPT, (SCRIPT, LONG, "n"), [(name, name, 0.5) for name in NAMES], (None, None, "percent"), IMAGE),
        Gallery(IMAGE, "k/", (("a", SCRIPT), ("b", LONG), ("missing", "none")), ("{label}", LONG, "{none}"), SCRIPT),
        Gallery("Nothing was kept", "absent", (("a", "a"),), ("{label}",)),
    )


def dots() -> Dots:
    """A row for each name, a series for each name, values far beyond the axis."""
    values = ([0.5, None, 1e9, -1e9, 0, 0.1, 1, 0.2], [None] * 8)
    series = [
        Series(name, values[i % 2], [0.4, None, 0, 0, 0, 0, 0, 0], [0.6, None, *[1e9] * 6])
        for i, name in enumerate(NAMES)
    ]
    pooled, rules = [0.5, None, 1e9, *[-1.0] * 5], (Rule(0.5, SCRIPT), Rule(0.51, "half"), Rule(0.1, LONG))
    return Dots(SCRIPT, LONG, NAMES, series, IMAGE, pooled, rules, x_range=(0, 1), ends=(LONG, SCRIPT))


def heatmap(name: str) -> Heatmap:
    """Nine cells, holes among them, with hostile words wherever there can be some."""
    z = ((1, 2, None), (-1e9, 0, 1), (None, 3, 1e9))
    circles = tuple(Circle(radius, word) for radius, word in zip((0, 0.5, 1, 1, 2, 9, 1e9, 3), NAMES, strict=True))
    words = (SCRIPT, name, IMAGE)
    return Heatmap(name, *words, (-1, 0, 1), (5, 6, 7), z, LONG, contours=(0, 1.5, 1e12), circles=circles, diverging=0)
