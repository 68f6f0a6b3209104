"""Finding a model output by an id, a name, or one of several names."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence


class NameIndex:
    """The outputs of a model by id and by name."""

    def __init__(self, names: Sequence[str], ids: Sequence[str] = ()) -> None:
        self._shown = names or ids
        self._ids: dict[str, set[int]] = {}
        self._whole: dict[str, set[int]] = {}
        self._synonyms: dict[str, set[int]] = {}
        for place, identity in enumerate(ids):
            self._ids.setdefault(identity, set()).add(place)
        for place, name in enumerate(names):
            self._whole.setdefault(normalised(name), set()).add(place)
            for synonym in synonyms(name):
                self._synonyms.setdefault(synonym, set()).add(place)

    def __len__(self) -> int:
        return len(self._shown)

    def find(self, name: str) -> tuple[list[int], bool]:
        """The outputs that ``name`` may mean, and whether they were found by id."""
        if name in self._ids:
            return sorted(self._ids[name]), True
        if len(whole := self._whole.get(normalised(name), set())) == 1:
            return sorted(whole), False  # exactly the whole name: closer than a synonym of another output
        matches = [self._synonyms.get(synonym, set()) for synonym in synonyms(name)]
        return sorted(set().union(*matches)), False

    def explain(self, name: str, found: Sequence[int]) -> str:
        """Why ``name`` has not one output, and which come near."""
        if found:
            places = ", ".join(f"{place} ({shown(self._shown[place], 40)})" for place in found[:4])
            return f"{shown(name)!r} could be {places}"
        known = [*self._synonyms, *self._ids]
        near = difflib.get_close_matches(normalised(name)[:80], known, n=3, cutoff=0.6)
        return f"{shown(name)!r} (nearest: {', '.join(shown(n, 40) for n in near) or 'none'})"


def normalised(name: str) -> str:
    """``name`` without regard to case, underscores, hyphens and doubled spaces.

    >>> normalised("Tiger_Cat")
    'tiger cat'
    """
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def shown(name: str, most: int = 60) -> str:
    """``name`` on one line, without control characters, shortened."""
    clean = "".join(c if c.isprintable() else "?" for c in name[: most + 1])
    return clean if len(clean) <= most else f"{clean[: most - 3]}..."


def synonyms(name: str) -> Iterator[str]:
    """The names of an output that has several, separated by commas, each normalised."""
    return (normalised(part) for part in name.split(",") if part.strip())
