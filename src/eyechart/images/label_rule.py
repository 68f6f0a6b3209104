"""Targets read off file names: a template such as ``{shape}{_}-{texture}{_}.webp``, or ``regex:`` with named groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eyechart.errors import ImagesError

_FIELD = re.compile(r"\{(\w+)\}")
_EXAMPLES = "Write for example '{label}.jpg', '{shape}{_}-{texture}{_}.webp' or 'regex:(?P<label>[a-z]+)'."


@dataclass(frozen=True)
class NameRule:
    """How fields stand in a file name.

    Attributes:
        pattern: matched against the whole name.
        whole_path: match the relative path and not only its last part.
        fields: names of the fields in the order they were written.
    """

    pattern: re.Pattern[str]
    whole_path: bool
    fields: tuple[str, ...]

    def read(self, identity: str) -> dict[str, str] | None:
        """The fields of one image id, or None where the rule does not match."""
        match = self.pattern.fullmatch(identity if self.whole_path else identity.rpartition("/")[2])
        return None if match is None else {name: match[name] or "" for name in self.fields}


def is_rule(text: str) -> bool:
    """Whether ``text`` is a rule and not the name of a file."""
    return text.startswith("regex:") or _FIELD.search(text) is not None


def parse_rule(text: str) -> NameRule:
    """Read a rule.

    In a template ``{field}`` stands for one or more characters, as few as possible and none of them ``/``;
    ``{_}`` stands for digits, which are ignored. A rule that contains ``/`` is matched against the relative path,
    any other against the file name.

    >>> parse_rule("{shape}{_}-{texture}{_}.webp").read("cat/cat4-bear2.webp")
    {'shape': 'cat', 'texture': 'bear'}

    Raises:
        ImagesError: for a rule without fields, or one that is no regular expression.
    """
    written = text.removeprefix("regex:") if text.startswith("regex:") else _template(text)
    try:
        pattern = re.compile(written, re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise _wrong(f"The rule for labels is no regular expression: {error}.", text, _EXAMPLES) from error
    fields = tuple(sorted(pattern.groupindex, key=pattern.groupindex.__getitem__))
    if not fields:
        raise _wrong("The rule for labels names no field.", text, _EXAMPLES)
    return NameRule(pattern, "/" in text, fields)


def read_names(text: str, ids: Sequence[str]) -> tuple[dict[str, list[str]], list[int]]:
    """Apply a rule to every id.

    Returns:
        field -> one string an image ("" where the rule does not match), and the places where it does not match.

    Raises:
        ImagesError: for an unusable rule, or one that matches no image at all.
    """
    rule = parse_rule(text)
    columns: dict[str, list[str]] = {name: [] for name in rule.fields}
    unmatched, seen = [], {"": ""}  # equal strings become one object
    for place, identity in enumerate(ids):
        row = rule.read(identity)
        if row is None:
            unmatched.append(place)
        for name, column in columns.items():
            value = row[name] if row else ""
            column.append(seen.setdefault(value, value))
    if len(unmatched) == len(ids):
        what, example = ("relative path", ids[0]) if rule.whole_path else ("file name", ids[0].rpartition("/")[2])
        raise _wrong("The rule for labels matches no image.", text, f"A {what} to match is for example {example!r}.")
    return columns, unmatched


def _template(text: str) -> str:
    parts: list[str] = []
    names: set[str] = set()
    end = 0
    for field in _FIELD.finditer(text):
        parts.append(re.escape(text[end : field.start()]))
        parts.append(_field(field[1], names))
        end = field.end()
    return "".join(parts) + re.escape(text[end:])


def _field(name: str, names: set[str]) -> str:
    if name == "_":
        return r"\d+"
    if name in names:
        return f"(?P={name})"  # the same field twice must read the same
    names.add(name)
    return f"(?P<{name}>[^/]+?)"


def _wrong(problem: str, rule: str, way_out: str) -> ImagesError:
    return ImagesError(problem, setting="--labels", value=rule, way_out=way_out)
