"""What a run's exam ``channels`` knows of each channel of a layer: figures, and the images to which it says most and least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path

import numpy as np

from eyechart.core.catalogue import make_exams
from eyechart.core.exam import Array
from eyechart.core.ranked import Ranked
from eyechart.core.tally import Tally
from eyechart.errors import RunFolderError, UnknownNameError
from eyechart.exams.channels import Channels
from eyechart.exams.channels_cases import LISTS, RELEVANCE
from eyechart.exams.channels_sums import SIGNED, Selectivity, Summed, selectivity
from eyechart.run.identity import digests
from eyechart.run.merge import merged
from eyechart.run.plan import exam_key
from eyechart.store.run_folder import Run
from eyechart.store.shards import Shelf


@dataclass(frozen=True)
class Example:
    """An image in one of a channel's lists.

    Attributes:
        id: of the image.
        value: the channel's maximum over places; in the list ``mean`` its mean; in ``relevance`` its part in the answer.
        place: (row, column) of it in the layer's map, see ``eyechart.models.receptive_crop``.
    """

    id: str
    value: float
    place: tuple[int, int]


@dataclass(frozen=True)
class LayerChannels:
    """The channels of one layer.

    Attributes:
        layer: its name.
        summed: sums over images, with ``n``, ``mean``, ``sd``, ``dead`` (c,), and by twin ``texture_ness`` (c,) and its ends.
        selectivity: by class, or why there is none.
        ranked: by list, the ids and facts (maximum, row, column) of each channel's images; see ``examples``.
    """

    layer: str
    summed: Summed
    selectivity: Selectivity | str
    ranked: Mapping[str, Ranked]

    def examples(self, channel: int, which: str) -> tuple[Example, ...]:
        """A channel's list ``top`` or ``bottom`` (by the maximum over places), ``random``, ``mean`` or ``relevance``.

        The last is there where the exam was run with ``rank=relevance``.
        """
        one = self.ranked[which]
        known = np.flatnonzero(one.scores[channel] > -np.inf)
        facts = one.facts[channel, known].tolist()
        ids = one.ids[channel, known].tolist()
        return tuple(Example(i, value, (int(y), int(x))) for i, (value, y, x) in zip(ids, facts, strict=True))

    def z(self, means: Array) -> Array:
        """Means of channels (..., c) as z-scores over the run's images: mean 0, standard deviation 1; NaN where dead."""
        scale = np.where(self.summed.dead, np.nan, self.summed.sd)
        return np.asarray((means - self.summed.mean) / scale)

    @property
    def largest_by_chance(self) -> float:
        """About the largest |z| of as many channels of pure noise: sqrt(2 ln c)."""
        return sqrt(2 * log(max(len(self.summed.mean), 2)))


def read_channels(run: Run | str | Path, model: str = "") -> dict[str, LayerChannels]:
    """The layers that the exam ``channels`` read, by name, in the order of use.

    Read from the run's shards: the merged sums are stored nowhere else.

    Args:
        run: a finished run, or its folder.
        model: name of one of its models; the first if empty.

    Raises:
        UnknownNameError: there is no such model.
        RunFolderError: the exam was not run, or its shards are gone.
    """
    run = run if isinstance(run, Run) else Run(run)
    names = [one["name"] for one in run.record.get("models", [])]
    if model and model not in names:
        raise UnknownNameError.of(model, names, setting="model")
    exam, tally = _tally(run, names.index(model) if model else 0)
    size = run.record["models"][names.index(model) if model else 0]["preprocessing"]["size"]
    twins = exam.shown((size[0], size[1]))
    layers = [name.removeprefix("sums/") for name in tally.sums if name.startswith("sums/")]
    return {name: _layer(tally, name, twins) for name in layers}


def _tally(run: Run, number: int) -> tuple[Channels, Tally]:
    """The exam with its settings, and its sums and kept cases of one model."""
    way_out = "Give the run's command again with --exams channels: what is finished is kept."
    recorded = run.record.get("exams", {}).get(Channels.name)
    if recorded is None:
        raise RunFolderError("The run holds no exam channels.", setting="RUN", value=run.path, way_out=way_out)
    (exam,) = make_exams([Channels.name], {Channels.name: recorded["settings"]})
    key = exam_key(exam, 0, digests(run.record["identity"])[number])
    shelf = Shelf(run.folder, f"shards/{run.record['models'][number]['slot']}/{key}")
    tally = merged(shelf, run.record["limit"])
    if not isinstance(exam, Channels) or not tally.sums:
        raise RunFolderError("The sums of the exam channels are gone.", setting="RUN", value=run.path, way_out=way_out)
    return exam, tally


def _layer(tally: Tally, name: str, twins: tuple[str, ...]) -> LayerChannels:
    summed, sums = Summed.of(tally, name, twins), tally.sums.get(f"classes/{name}")
    by_class = "there are no sums by class" if sums is None else SIGNED if summed.negative else selectivity(sums)
    return LayerChannels(name, summed, by_class, _lists(tally, name))


def _lists(tally: Tally, name: str) -> dict[str, Ranked]:
    return {which: tally.ranked[key] for which in (*LISTS, RELEVANCE) if (key := f"{which}/{name}") in tally.ranked}
