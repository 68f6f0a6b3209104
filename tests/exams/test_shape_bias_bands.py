"""Where the shape_bias exam finds each cue: on answers whose bands are known, and as a loop over drawn stimuli finds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from eyechart.core.estimate import Estimate, Estimates
from eyechart.errors import SettingError
from eyechart.exams.shape_bias import ShapeBias
from eyechart.exams.shape_bias_bands import Split
from eyes import one, sitting
from eyes_cues import cue_eye, stimuli

Array = np.ndarray[Any, Any]

RADII = (4.0, 8.0, 16.0, 32.0)
VIEWS = [{}, *({"band": side, "radius": r, "radius_nyquist": r / 112} for r in RADII for side in ("low", "high"))]
CONTENTS, STYLES = np.arange(120) % 12, np.arange(120) // 12


def answers(fine: Mapping[str, Array]) -> dict[str, Array]:
    """(n, views): of each picture, the coarse part names a cue from the given radius on, the fine part up to it."""
    found = {}
    for cue, place in fine.items():
        columns = [np.ones(120, bool)]
        for radius in RADII:
            columns += [place <= radius, place > radius]
        found[cue] = np.stack(columns, axis=1)
    return found


def told(fine: Mapping[str, Array]) -> Estimates:
    at = {"aggregation": "mean"}
    return Estimates(Split.of(VIEWS, answers(fine), CONTENTS, STYLES).estimates(ShapeBias().estimate, at))


def radius(found: Estimates, cue: str) -> Estimate:
    return one(found, "crossover_radius", cue=cue)


def test_half_below_and_half_above_is_where_a_cue_lives() -> None:
    shape = np.where(np.arange(120) % 4 < 2, 3.0, 9.0)  # half of them at 4 and 8, all at 16
    texture = np.where(np.arange(120) % 3 == 0, 9.0, 30.0)  # a third at 16, all at 32
    found = told({"shape": shape, "texture": texture})
    assert [e.value for e in found.of("band_gap", cue="shape")] == [0.0, 0.0, 1.0, 1.0]
    assert [e.value for e in found.of("band_gap", cue="texture")] == pytest.approx([-1, -1, -1 / 3, 1])
    assert radius(found, "texture").value == pytest.approx(16 + 16 / 4)
    assert one(found, "crossover_radius_nyquist", cue="texture").value == pytest.approx(20 / 112)
    assert "from the smallest radius on, 4" in radius(found, "shape").reason
    assert "one of the two" in one(found, "crossover_radius_gap").reason


def test_the_gap_s_interval_is_that_of_a_loop_over_drawn_contents_and_textures() -> None:
    chance = np.random.default_rng(2)
    shape = 2 ** chance.normal(2.6, 0.7, 120)
    texture = 2 ** (chance.normal(4.0, 0.3, 120) + 0.4 * chance.standard_normal(10)[STYLES])
    found = told({"shape": shape, "texture": texture})
    gap = one(found, "crossover_radius_gap")
    assert gap.value == pytest.approx((radius(found, "texture").value or 0) - (radius(found, "shape").value or 0))
    assert (gap.n, gap.method) == (120, "crossed bootstrap")
    low, high = np.percentile(drawn(shape, texture), [2.5, 97.5])
    assert (gap.low, gap.high) == pytest.approx((low, high), abs=1.5)
    (said,) = [f.sentence for f in ShapeBias().findings(with_a_bias(found)) if "Split into" in f.sentence]
    assert "texture lives in finer detail than shape" in said


def drawn(shape: Array, texture: Array, draws: int = 400) -> list[float]:
    """Resample contents and styles by hand, read both curves off, take the difference of where they rise through zero."""
    chance, gaps = np.random.default_rng(7), []
    for _ in range(draws):
        contents, styles = chance.choice(12, 12).tolist(), chance.choice(10, 10).tolist()
        images = [i for c in contents for s in styles for i in np.flatnonzero((c == CONTENTS) & (s == STYLES))]
        places = []
        for cue in (shape, texture):
            heights = [2 * np.mean(cue[images] <= r) - 1 for r in RADII]
            places.append(RADII[0] if heights[0] >= 0 else RADII[-1] if heights[-1] < 0 else by_hand(heights))
        gaps.append(places[1] - places[0])
    return gaps


def by_hand(heights: list[float]) -> float:
    for k in range(len(RADII) - 1, 0, -1):
        if heights[k - 1] < 0 <= heights[k]:
            part = -heights[k - 1] / (heights[k] - heights[k - 1])
            return RADII[k - 1] + part * (RADII[k] - RADII[k - 1])
    raise AssertionError("no rise")


def with_a_bias(found: Estimates) -> Estimates:
    """What findings need besides: a bias."""
    say = ShapeBias().estimate
    at = {"aggregation": "mean"}
    bias = say("shape_bias", value=0.3, low=0.2, high=0.4, n=100, at=at)
    return Estimates([bias, say("either_cue_accuracy", value=0.5, low=0.4, high=0.6, n=120, at=at), *found])


def test_a_cue_that_is_never_named_lives_nowhere() -> None:
    never = {cue: np.zeros((120, len(VIEWS)), bool) for cue in ("shape", "texture")}
    found = Estimates(Split.of(VIEWS, never, CONTENTS, STYLES).estimates(ShapeBias().estimate, {}))
    for e in found.of("crossover_radius"):
        assert (e.value, e.low) == (None, None)
        assert "no answer named it" in e.reason


def test_radii_beyond_the_finest_wave_are_an_error() -> None:
    """Half the diagonal of 16 x 16 pixels is 11.3: nothing would be left for the fine part."""
    subject = sitting(ShapeBias(), cue_eye("shape"), stimuli()).subject
    for radius in (8 * np.sqrt(2), 400.0):
        with pytest.raises(SettingError, match=r"16 x 16 pixels is finer than 11\.31") as told:
            ShapeBias(radii=(2.0, radius)).ask(subject, ())
        assert (told.value.setting, told.value.value) == ("shape_bias.radii", radius)
        assert "below 11.31" in told.value.way_out
    assert ShapeBias(radii=(11.3,)).ask(subject, ())


def test_one_radius_has_no_crossing_and_none_no_bands() -> None:
    some = {cue: np.ones((120, 3), bool) for cue in ("shape", "texture")}
    found = Estimates(Split.of(VIEWS[:3], some, CONTENTS, STYLES).estimates(ShapeBias().estimate, {}))
    assert {e.measure for e in found} == {"band_gap"}
    none = {cue: hits[:, :1] for cue, hits in some.items()}
    assert not list(Split.of(VIEWS[:1], none, CONTENTS, STYLES).estimates(ShapeBias().estimate, {}))
