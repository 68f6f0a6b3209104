"""Attacks that several queries go on from: made once, and counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from eyechart.core.query import CLEAN, Query, cost_of
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.run.draw import draw
from eyechart.run.forward import Forwarder
from eyechart.run.jobs import Jobs
from eyechart.run.plan import source_views
from eyechart.views.bands import Band
from eyes import OracleEye, image_set, plain_images, seen_by

LABELS = np.arange(10) % 3


@dataclass(frozen=True)
class Searched(InputView):
    """Shows the image; counts how often it is made."""

    number: int
    made: ClassVar[list[int]] = []

    @property
    def cost(self) -> int:
        return 7

    def render(self, batch: Pixels) -> Shown:
        assert batch.attacked is not None
        self.made.append(self.number)
        return Shown(batch.tensor, {"number": np.full(len(batch.ids), float(self.number))})


@dataclass(frozen=True)
class Difference(InputView):
    """What the steps before it have changed."""

    def render(self, batch: Pixels) -> Shown:
        return Shown(batch.tensor - batch.before)


def test_a_search_is_made_once_for_all_that_go_on_from_it() -> None:
    first, second = Searched(1), Searched(2)
    queries = [CLEAN, Query(first), Query(first, "pixels"), Query(first.then(Band("low", 2.0))), Query(second)]
    after = Query(first.then(Difference()), "pixels")
    assert cost_of(queries) == 5 + 2 * 7
    assert cost_of([*queries, after]) == 6 + 2 * 7
    pictures, told = image_set(plain_images(LABELS), LABELS), []
    views, model = source_views(queries), seen_by(OracleEye())
    job = Jobs(pictures, LABELS, np.arange(10), model.preprocessing, 0).of(range(10), views)
    Searched.made.clear()
    with torch.inference_mode():
        asker = Forwarder(model, 5, 0, told.append)
        found = asker.answers([*queries, after], views, draw(job), tuple(pictures.ids), LABELS)
    assert sorted(Searched.made) == [1, 1, 2, 2]  # two batches of five
    assert sum(told) == 10 * cost_of([*queries, after])
    assert (found[Query(first)].notes["number"] == 1).all()
    assert float(found.signal(after).values.abs().max()) == 0.0
