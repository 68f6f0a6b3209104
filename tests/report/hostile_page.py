"""A page whose every name tries to run, to reach out, or to break the layout."""

from __future__ import annotations

from eyechart.core.chart import Bars, Chart, Finding, Gallery, Lines, Rule, Series, Table
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
    losses = (Series("change", [-0.2, 0.1, None], [-0.3, 0.05, None], [-0.1, 0.2, None]), Series(LONG, [0.1, -0.1, 0]))
    return (
        Lines(SCRIPT, IMAGE, LONG, (1, 2, 64, 112), lines, caption=LONG, rules=rules),
        Lines("Eight", "radius", "share", (1, 2, 3), short, rules=rules, y_range=(0, 1)),
        Bars("Signed", "points", ("a", LONG, SCRIPT), losses, rules=rules[:2], format="number"),
        Bars(IMAGE, LONG, NAMES, (Series("one", [1e6, 2e5, 0, None, 3, 4, 5, 6]),), format="integer"),
        Table(SCRIPT, (SCRIPT, LONG, "n"), [(name, name, 0.5) for name in NAMES], (None, None, "percent"), IMAGE),
        Gallery(IMAGE, "k/", (("a", SCRIPT), ("b", LONG), ("missing", "none")), ("{label}", LONG, "{none}"), SCRIPT),
        Gallery("Nothing was kept", "absent", (("a", "a"),), ("{label}",)),
    )
