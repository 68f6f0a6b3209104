"""How far embeddings move at each size: what is reckoned from the distances of all pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from eyechart.core.embeddings import NO_SCALE, Scale, compared_with, turns
from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.told import Make, figures
from eyechart.core.words import figure
from eyechart.exams.embedded_size_trend import means_of_pairs, pooled_trend, trends
from eyechart.stats.intervals import Interval, differences, means

NO_CHANGE = "no distance is significant at any size (or all are), all sizes are one, or no image counts here"
ALIKE = "no image has sizes that differ and at which the distance differs"


def embedded_figures(
    say: Make, rows: Mapping[str, Array], sizes: Sequence[int], scales: Sequence[Scale | None]
) -> Iterator[Estimate]:
    """All figures of embeddings.

    Args:
        say: makes an estimate of the exam.
        rows: ``distance``, ``cosine_distance``, ``valid`` (n, sizes, pairs), and ``pixels`` (n, sizes).
        sizes: short sides.
        scales: what distances are compared with, by size.
    """
    for k, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        at = {"short_side": size}
        yield from compared_with(say, scale, at, ("embed_change", "significant_change"))
        own = {name: rows[name][:, k] for name in ("distance", "cosine_distance", "valid")}
        yield from figures(say, [*turns(own, scale)], at)
    known = [scale.significant if scale else np.nan for scale in scales]
    far = rows["cosine_distance"] > np.array(known)[None, :, None]
    yield from _rises(say, far & rows["valid"], rows["valid"], sizes, scales)
    why = "" if all(scales) else NO_SCALE
    trend = pooled_trend(far, rows["valid"], rows["pixels"])
    yield say("size_trend", unit="rank correlation", **_told(trend, why, NO_CHANGE))
    (own_trend,) = means(trends(means_of_pairs(rows["cosine_distance"], rows["valid"]), rows["pixels"])[:, None])
    of = {"of": "cosine_distance"}
    yield say("size_trend_per_image", unit="rank correlation", at=of, **_told(own_trend, "", ALIKE))


def _rises(
    say: Make, far: Array, valid: Array, sizes: Sequence[int], scales: Sequence[Scale | None]
) -> Iterator[Estimate]:
    """How much more is significant than at the largest size, paired by image."""
    each = means_of_pairs(far, valid)
    whole = each[~np.isnan(each).any(1)]
    rises = differences(whole[:, :-1], whole[:, -1:])
    for size, scale, rise in zip(sizes[:-1], scales[:-1], rises, strict=True):
        why = "" if scale and scales[-1] else NO_SCALE
        unit = "difference of shares"
        yield say(
            "significant_change_rise", unit=unit, at={"short_side": size}, **_told(rise, why, "no image counts here")
        )


def _told(interval: Interval, why: str, otherwise: str) -> dict[str, object]:
    return figure(interval, why or ("" if interval.value is not None else otherwise))
