"""Colours of the page: readable in both themes."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from eyechart.report.palette import HOLE, RISING, TWO_SIDED, Colours, shades

CSS = files("eyechart.report").joinpath("templates", "report.css").read_text("utf-8")
COLOURS = {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", CSS)}
# Machado, Oliveira & Fernandes (2009): how colours look, in linear light, to eyes without one kind of cone.
BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
}
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


def lightness(colours: NDArray[np.uint8], seen: tuple[tuple[float, ...], ...] | None = None) -> NDArray[np.float64]:
    """CIE L* of (n, 3) colours, as everybody or as colour-blind eyes see them."""
    share = colours / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    if seen:
        light = np.clip(light @ np.array(seen).T, 0, 1)
    y = light @ (0.2126, 0.7152, 0.0722)
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_rising_colours_grow_lighter_in_even_steps() -> None:
    steps = np.diff(lightness(shades(RISING, 9)))
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.05
    assert np.diff(lightness(shades(RISING, 64))).min() > 0


def test_two_sided_colours_darken_alike_from_a_neutral_middle() -> None:
    level = lightness(shades(TWO_SIDED, 101))
    assert (np.diff(level[:51]) > 0).all()
    assert (np.diff(level[50:]) < 0).all()
    np.testing.assert_allclose(level, level[::-1], atol=1.5)
    middle = shades(TWO_SIDED, 101)[50].astype(int)
    assert middle.max() - middle.min() < 10


@pytest.mark.parametrize("seen", list(BLIND.values()), ids=list(BLIND))
def test_colours_keep_their_order_for_the_colour_blind(seen: tuple[tuple[float, ...], ...]) -> None:
    assert np.diff(lightness(shades(RISING, 33), seen)).min() > 0
    sides = lightness(shades(TWO_SIDED, 33), seen)
    assert np.diff(sides[:17]).min() > 0
    assert np.diff(sides[16:]).max() < 0
    ends = shades(TWO_SIDED, 2) / 255.0 @ np.array(seen).T
    assert np.abs(ends[0] - ends[1]).max() > 0.3  # the two sides are told apart, too


def test_no_colour_of_a_map_is_lost_in_the_paper() -> None:
    paper = np.array([[int(hexes[i : i + 2], 16) for i in (1, 3, 5)] for hexes in COLOURS["paper"]], np.uint8)
    light, dark = lightness(paper)
    for anchors in (RISING, TWO_SIDED):
        level = lightness(shades(anchors))
        assert dark + 4 < level.min()
        assert level.max() < light - 4


def test_numbers_beyond_the_ends_take_the_ends_colour_and_holes_none() -> None:
    entries = Colours(0.0, 2.0).entries(np.array([-5, 0, 1, 2, 9, np.nan]))
    assert entries.tolist() == [0, 0, 127, 254, 254, HOLE]
    assert Colours(3.0, 3.0).entries(np.array([3.0, np.nan])).tolist() == [127, HOLE]


def test_a_two_sided_palette_is_centred_and_even() -> None:
    colours = Colours(-1.0, 4.0, middle=0.0)
    low, middle, high, far = colours.entries(np.array([-1.0, 0.0, 1.0, 4.0])).astype(int)
    assert (middle, far) == (127, 254)
    assert abs((middle - low) - (high - middle)) <= 1  # one unit up is as dark as one unit down
