"""Published answers to the public cue-conflict images, for comparison: counts of their result files (1,200 images a model)."""

from __future__ import annotations

from dataclasses import dataclass

from eyechart.stats.cue_conflict import CueCounts


@dataclass(frozen=True)
class Published:
    """An observer and what was answered."""

    name: str
    counts: CueCounts

    @property
    def shape_bias(self) -> float:
        """Of the answers that name shape or texture, the share that names the shape."""
        return self.counts.shape / self.counts.either


# Geirhos et al., ICLR 2019: ten people, all trials pooled; torchvision's nets.
OBSERVERS = (
    Published("people", CueCounts(9236, 398, 2366)),
    Published("ResNet-50", CueCounts(162, 572, 466)),
    Published("AlexNet", CueCounts(182, 537, 481)),
)
STIMULI = 1200
CATEGORIES = "imagenet16"  # that could be answered
