"""What a run's record tells of the words in capitals of a command, such as MODEL and IMAGES, so that it need not be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

LIBRARIES = ("torchvision:", "timm:")
COMMANDS = ("exam", "treat", "train")


def filled_in(command: str, words: Mapping[str, str]) -> str:
    """A command with those words in capitals that are known; what is put in is not looked through again."""
    return re.sub(r"\b[A-Z]+\b", lambda found: words.get(found[0], found[0]), command)


def known_words(record: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By model, what a run's record (``run.json``) tells of MODEL, IMAGES and TRAINING, as options of ``eyechart treat``.

    Images and classes are read from the command line of the run: a run of the Python interface has none, and what a
    configuration file said is not there.
    """
    kind, options = _given(str(record["provenance"]["command"]))
    images = _images(kind, options)
    own = _taken(options, "preprocess", "outputs") if kind != "train" else []  # a trained net's file knows them
    named = {str(model["name"]): _model(model["source"]) for model in record["models"]}
    return {name: {**images, **({"MODEL": shlex.join([*spec, *own])} if spec else {})} for name, spec in named.items()}


def _model(source: Mapping[str, Any]) -> list[str]:
    """Empty for a net that was never named: it came from Python, or was treated and not saved."""
    spec, arch, treated = str(source.get("spec", "")), str(source.get("arch", "")), "treatment" in source
    if not spec or not arch:
        return []
    if spec in ("demo", arch) or spec.startswith(LIBRARIES):
        return [spec]
    trust = "code" if treated else str(source.get("trust", "none"))
    safe = spec.endswith(".safetensors") and arch.startswith((*LIBRARIES, "eyechart:"))
    told = treated or ":" not in arch  # files of ours say it; a whole net goes by the name of its class
    return [spec, *([] if told else ["--arch", arch]), *([] if safe or trust == "none" else ["--trust", trust])]


def _images(kind: str, options: Mapping[str, str]) -> dict[str, str]:
    """Pictures of the proof, with how their classes are matched, and pictures to train on."""
    proving = "test-" if kind == "train" or "test-images" in options else ""
    training = "" if kind == "train" else "train-"
    shown, fitted = _set_of(options, proving, "--labels"), _set_of(options, training, "--train-labels")
    words = {"IMAGES": [*shown, *_taken(options, "classes")] if shown else [], "TRAINING": fitted}
    return {word: shlex.join(found) for word, found in words.items() if found}


def _set_of(options: Mapping[str, str], prefix: str, flag: str) -> list[str]:
    images, labels = options.get(f"{prefix}images"), options.get(f"{prefix}labels")
    return [*([images] if images else []), *([flag, labels] if images and labels else [])]


def _taken(options: Mapping[str, str], *names: str) -> list[str]:
    return [part for name in names if name in options for part in (f"--{name}", options[name])]


def _given(command: str) -> tuple[str, dict[str, str]]:
    """Which of our commands it was, and its options without dashes; nothing for another program."""
    try:
        program, kind, *parts = shlex.split(command)
    except ValueError:  # too short, or an open quote
        return "", {}
    if PurePath(program).name != "eyechart" or kind not in COMMANDS:
        return "", {}
    options: dict[str, str] = {}
    for part, following in zip(parts, [*parts[1:], "--"], strict=True):
        name, sign, value = part.partition("=")
        if name.startswith("--"):
            options[name[2:].replace("_", "-")] = value if sign else "" if following.startswith("--") else following
    return kind, {name: value for name, value in options.items() if value}
