"""Colours of the page: readable in both themes."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("eyechart.report").joinpath("templates", "report.css").read_text("utf-8")
COLOURS = {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", CSS)}
TEXT = ["ink", "soft", "link", "good", "bad", "s1", "s2", "s3", "s4", "s5", "s6"]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", TEXT)
def test_text_reaches_aa(name: str, theme: int) -> None:
    text, paper = luminance(COLOURS[name][theme]), luminance(COLOURS["paper"][theme])
    assert (max(text, paper) + 0.05) / (min(text, paper) + 0.05) >= 4.5


def test_every_colour_used_is_defined() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", CSS))
    assert used <= {*COLOURS, "serif", "sans", "mono", "c"}
    assert "gradient" not in CSS
