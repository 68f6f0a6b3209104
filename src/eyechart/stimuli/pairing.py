"""Which style an image gets: uniform among those that fit, by the run's seed and the image's id alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from eyechart.core.chance import generator
from eyechart.errors import SettingError
from eyechart.images.image_set import ImageSet


@dataclass(frozen=True)
class Pairing:
    """Styles for contents.

    Attributes:
        images: contents.
        styles: may be the same set; an image is never its own style.
        seed: of the choice.
        same_class: whether a style may be of the content's class, where both have one.

    Law: which styles a content gets does not depend on which other contents there are.
    """

    images: ImageSet
    styles: ImageSet
    seed: int
    same_class: bool = False

    def candidates(self, content: int) -> Iterator[int]:
        """Places of styles in random order, each once, those that do not fit left out."""
        identity = self.images.ids[content]
        chance = generator(self.seed, "style", identity)
        own = self.class_of(self.images, content)
        seen: set[int] = set()
        while len(seen) < len(self.styles):
            style = int(chance.integers(len(self.styles)))
            if style in seen:
                continue
            seen.add(style)
            itself = self.styles.fingerprint == self.images.fingerprint and style == content
            alike = own != "" and own == self.class_of(self.styles, style)
            if not itself and (self.same_class or not alike):
                yield style

    def of(self, content: int, number: int, of: int) -> Iterator[int]:
        """Candidates of the picture ``number`` of ``of`` of a content: no two pictures have one in common."""
        return islice(self.candidates(content), number, None, of)

    def check(self, each: int) -> None:
        """Raises SettingError where there are fewer styles than ``each`` for some class of contents."""
        names = [self.class_of(self.styles, place) for place in range(len(self.styles))]
        kinds, counts = np.unique(names, return_counts=True)
        alike = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
        itself = int(self.styles.fingerprint == self.images.fingerprint)
        for name in self.images.class_names or ("",):
            left = len(names) - (alike.get(name, 0) if name and not self.same_class else itself)
            if left < each:
                raise SettingError(
                    f"Images of the class {name!r} have {left} styles to choose from, and {each} are needed."
                    if name
                    else f"There are {left} styles to choose from, and {each} are needed.",
                    setting="--styles",
                    value=self.styles.name,
                    way_out="Give more styles, or let them be of the image's own class with --same-class.",
                )

    @staticmethod
    def class_of(images: ImageSet, place: int) -> str:
        """Name of an image's class, or empty."""
        label = -1 if images.labels is None else int(images.labels[place])
        return images.class_names[label] if label >= 0 and images.class_names else ""
