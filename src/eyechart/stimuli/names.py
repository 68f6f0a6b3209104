"""Names of stimuli: class folders as they were, files by Geirhos et al. where the classes are words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.images.image_set import ImageSet

MOST_BYTES = 120  # of a name, leaving room for a number and an ending below the 255 of most file systems
_WORD = re.compile(r"[^\W\d_]+")
_UNSAFE = re.compile(r"[^\w.,+()=@ -]|^[.]|[. ]$")  # what some file system or reader refuses


class Names:
    """What the pictures made of a set are called, whatever part of it is exported.

    Args:
        images: contents.
        styles: what they are mixed with, if with anything.
    """

    def __init__(self, images: ImageSet, styles: ImageSet | None = None) -> None:
        self._images, self._styles = images, styles
        self._folders = [safe(name) for name in images.class_names]
        self._stems = _stems(images)
        both = (images,) if styles is None else (images, styles)
        words = [[word(name) for name in one.class_names] for one in both]
        self.by_cue = styles is not None and all(
            one.labels is not None and all(w) and len(set(w)) == len(w) for one, w in zip(both, words, strict=True)
        )
        if self.by_cue:
            self._words = words
            self._numbers = [_numbers(one.labels) for one in both]

    def path(self, content: int, style: int | None, number: int, several: bool) -> str:
        """Relative path without ending: ``cat/cat7-elephant1`` where both sets have classes that are words, else by the id.

        Args:
            content, style: places in the sets.
            number: which picture of the content, from 0.
            several: whether a content gives several.
        """
        label = self._label(self._images, content)
        folder = f"{self._folders[label]}/" if label >= 0 else ""
        if self.by_cue and style is not None and label >= 0 and self._label(self._styles, style) >= 0:
            return folder + "-".join(self._cue(which, place) for which, place in enumerate((content, style)))
        return f"{folder}{self._stems[content]}{f'-{number + 1}' if several else ''}"

    def _cue(self, which: int, place: int) -> str:
        label = self._label((self._images, self._styles)[which], place)
        return f"{self._words[which][label]}{self._numbers[which][place]}"

    @staticmethod
    def _label(images: ImageSet | None, place: int) -> int:
        labels = None if images is None else images.labels
        return -1 if labels is None else int(labels[place])


def word(name: str) -> str:
    """A class name as the grammar of file names has it, letters alone; empty where it holds digits or signs.

    >>> word("Polar bear"), word("n01440764")
    ('polarbear', '')
    """
    joined = re.sub(r"[\s_'.-]+", "", name.lower())
    return joined if _WORD.fullmatch(joined) else ""


def safe(name: str) -> str:
    """``name`` if every file system takes it, else what is left of it with a mark of its own.

    >>> safe("tabby cat"), safe("a/b")
    ('tabby cat', 'a_b-95f60e26')
    """
    if not _UNSAFE.search(name) and 0 < len(name.encode()) <= MOST_BYTES:
        return name
    short = _UNSAFE.sub("_", name).encode("utf-8", "replace")[: MOST_BYTES - 9].decode("utf-8", "ignore")
    return f"{short}-{_mark(name)}"


def _stems(images: ImageSet) -> list[str]:
    """Of files, one an image: its id without class folder and ending; with a mark where that is not its own."""
    stems = []
    labels = images.labels
    for place, identity in enumerate(images.ids):
        folder, _, rest = identity.partition("/")
        inside = labels is not None and labels[place] >= 0 and folder == images.class_names[labels[place]]
        name = rest if inside and rest else identity
        head, dot, ending = name.rpartition(".")
        stems.append(safe(head if dot and head and "/" not in ending else name))
    seen = Counter((_of(labels, place), stem.lower()) for place, stem in enumerate(stems))
    return [
        f"{stem}-{_mark(identity)}" if seen[_of(labels, place), stem.lower()] > 1 else stem
        for place, (stem, identity) in enumerate(zip(stems, images.ids, strict=True))
    ]


def _of(labels: Any, place: int) -> int:
    return -1 if labels is None else int(labels[place])


def _mark(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _numbers(labels: np.ndarray[Any, Any] | None) -> Sequence[int]:
    """Of each image its number within its class, from 1, in the set's order."""
    counts: Counter[int] = Counter()
    found = []
    for label in [] if labels is None else labels.tolist():
        counts[label] += 1
        found.append(counts[label])
    return found
