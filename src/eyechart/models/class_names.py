"""Names of a model's outputs, in their order."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from eyechart.errors import ClassMapError

Classes = tuple[tuple[str, ...], tuple[str, ...]]  # names, WordNet ids
_WITH_ID = re.compile(r"(n\d{8})[\t,]\s*(\S.*)")


@cache
def imagenet_classes() -> Classes:
    """The 1,000 names (first lemma of each synset) and WordNet ids of ImageNet-1k, as timm ships them."""
    from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - timm loads torch

    info = ImageNetInfo()
    ids = tuple(info.label_names())  # type: ignore[no-untyped-call]
    return tuple(info.label_name_to_description(wnid).split(", ")[0] for wnid in ids), ids


def classes_from_file(path: str | Path) -> Classes:
    """Read one name a line, or ``wnid<TAB or comma>name`` on every line; empty lines at the end are passed over.

    Raises:
        ClassMapError: unreadable, empty, a line without a name, or one name twice without ids to tell the two apart.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong("The class file cannot be read as text.", path, f"{error}.") from error
    if not lines or not all(lines):
        where = f"line {lines.index('') + 1} is empty" if lines else "the file is empty"
        raise _wrong("A class has no name.", path, f"Give one name a line; {where}.")
    matches = [_WITH_ID.fullmatch(line) for line in lines]
    found = [match for match in matches if match]
    if len(found) == len(lines):
        return tuple(m[2] for m in found), tuple(m[1] for m in found)
    if found:
        raise _wrong("Some lines have a WordNet id and some have none.", path, "Give it on every line or on none.")
    if twice := sorted({line for line in lines if lines.count(line) > 1}):
        raise _wrong(f"The name {twice[0]} is given to two classes.", path, "Give every class its own name.")
    return tuple(lines), ()


def resolve_classes(wish: str | Path, known: Classes, *, imagenet: bool, n_outputs: int) -> Classes:
    """Names and ids for ``--classes``.

    Args:
        wish: ``auto``, ``imagenet``, ``sorted`` (names are left to the images' folders), or a file.
        known: what came with the weights or the code.
        imagenet: whether the architecture is one whose 1,000 outputs are those of ImageNet by convention.
        n_outputs: of the model.

    Raises:
        ClassMapError: ``imagenet`` for another number of outputs, or an unreadable file.
    """
    if str(wish) == "sorted":
        return (), ()
    if str(wish) == "auto":
        usual = imagenet_classes() if imagenet and n_outputs == 1000 else ((), ())
        return (known[0] or usual[0], known[1] or usual[1])
    if str(wish) != "imagenet":
        return classes_from_file(wish)
    if n_outputs != 1000:
        way_out = f"The model has {n_outputs} outputs: give a file with {n_outputs} names, one a line."
        raise _wrong("ImageNet has 1000 classes.", wish, way_out)
    return imagenet_classes()


def _wrong(problem: str, path: object, way_out: str) -> ClassMapError:
    return ClassMapError(problem, setting="--classes", value=path, way_out=way_out)
