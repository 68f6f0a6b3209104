"""Several models' curves over the radius in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eyechart.core.chart import Lines, Series
from eyechart.core.estimate import Estimate

ALONG = "radius_nyquist"  # the coordinate in which frames of different sizes meet
FEWEST_PLACES = 5  # fewer are read more easily in a table
MOST_MODELS = 8  # lines that can still be told apart

Address = tuple[str, tuple[tuple[str, Any], ...]]  # a measure, and where
Figures = Mapping[str, Mapping[Address, Estimate]]  # by model


def curves(addresses: Sequence[Address], figures: Figures) -> list[list[Address]]:
    """Addresses that differ in the radius alone, by ascending radius: those that all models have, if they are five or more."""
    if len(figures) > MOST_MODELS:
        return []
    groups: dict[Address, list[Address]] = {}
    for address in addresses:
        at = dict(address[1])
        if ALONG in at and all(address in own for own in figures.values()):
            groups.setdefault((address[0], tuple((k, v) for k, v in at.items() if k != ALONG)), []).append(address)
    found = [sorted(group, key=_radius) for group in groups.values() if len(group) >= FEWEST_PLACES]
    return [group for group in found if any(own[one].value is not None for own in figures.values() for one in group)]


def overlaid(title: str, y_label: str, curve: Sequence[Address], figures: Figures, caption: str) -> Lines:
    """One line a model."""
    found = {model: [own[address] for address in curve] for model, own in figures.items()}
    shares = all(e.unit in ("share", "probability") for line in found.values() for e in line)
    return Lines(
        title=title,
        x_label="radius, as a share of n/2",
        y_label=y_label,
        x=[_radius(address) for address in curve],
        series=[
            Series(model, [e.value for e in line], [e.low for e in line], [e.high for e in line])
            for model, line in found.items()
        ],
        caption=caption,
        format="percent" if shares else "number",
    )


def _radius(address: Address) -> float:
    return float(dict(address[1])[ALONG])
