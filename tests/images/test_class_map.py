"""Matching image classes with model outputs: exactly one each, or an error that helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.errors import ClassMapError
from eyechart.images.class_map import match_classes

NAMES = ["tench, Tinca tinca", "Tiger_Cat", "tiger shark, Galeocerdo cuvieri", "crane", "crane, construction machine"]
IDS = ["n01440764", "n02123159", "n01491361", "n02012849", "n03126707"]


def test_by_id() -> None:
    found = match_classes(["n03126707", "n01440764"], NAMES, IDS)
    assert found.indices.tolist() == [4, 0]
    assert found.indices.dtype == np.int64
    assert found.how == "by id"
    assert found.lines == ("n03126707 -> 4 crane, construction machine", "n01440764 -> 0 tench, Tinca tinca")
    assert match_classes(["n02123159"], model_ids=IDS).indices.tolist() == [1]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("tinca-tinca", 0),
        ("TENCH", 0),
        ("tiger  cat", 1),
        ("Galeocerdo_cuvieri", 2),
        ("tench, Tinca tinca", 0),
        ("crane", 3),
    ],
)
def test_by_name(name: str, output: int) -> None:
    found = match_classes([name], NAMES)
    assert found.indices.tolist() == [output]
    assert found.how == "by name"


def test_by_both() -> None:
    assert match_classes(["n01440764", "tiger cat"], NAMES, IDS).how == "by id (1) and by name (1)"


def test_no_match_names_the_nearest() -> None:
    with pytest.raises(ClassMapError) as caught:
        match_classes(["tiger-shrak", "tench", *[f"zz{i}" for i in range(9)]], NAMES)
    assert "nearest: tiger shark" in str(caught.value)
    assert "10 of 11 image classes" in str(caught.value)
    assert "and 5 more" in str(caught.value)
    assert "--classes sorted" in caught.value.way_out


def test_ambiguous_names_are_refused() -> None:
    with pytest.raises(ClassMapError, match=r"'maillot' could be 0 \(maillot\), 1 \(maillot\)"):
        match_classes(["maillot"], ["maillot", "maillot"])
    with pytest.raises(ClassMapError, match="could be 0"):
        match_classes(["a"], ["a, b", "a, c"])
    with pytest.raises(ClassMapError, match="both match output 0"):
        match_classes(["tench", "Tinca tinca"], NAMES)


def test_never_silently_by_position() -> None:
    for names in ([], ["cat", "dog"]):
        with pytest.raises(ClassMapError):
            match_classes(["0", "1"], names, n_outputs=2)


def test_sorted_is_said_loudly_and_needs_equal_counts() -> None:
    found = match_classes(["dog", "ant", "cat"], mode="sorted", n_outputs=3)
    assert found.indices.tolist() == [2, 0, 1]
    assert found.how.startswith("BY SORTED NAME, that is by position")
    assert found.lines == ("dog -> 2", "ant -> 0", "cat -> 1")
    with pytest.raises(ClassMapError, match="3 image classes and 4 outputs"):
        match_classes(["dog", "ant", "cat"], mode="sorted", n_outputs=4)
    assert match_classes(["01", "00", "10"], mode="sorted", n_outputs=3).indices.tolist() == [1, 0, 2]
    with pytest.raises(ClassMapError, match="'10' comes before '9'"):
        match_classes(["9", "10"], mode="sorted", n_outputs=2)


def test_by_file(tmp_path: Path) -> None:
    file = tmp_path / "classes.csv"
    file.write_text("class,output\na,4\nb,tiger cat\nc,n01491361\nunused,0\n")
    found = match_classes(["c", "a", "b"], NAMES, IDS, str(file))
    assert found.indices.tolist() == [2, 4, 1]
    assert found.how == "by the file classes.csv"


@pytest.mark.parametrize(
    "text",
    ["", "x,y\n", *(f"class,output\n{row}\n" for row in ("a,5", "a,lion", "a,1\na,2", "z,1", "a", '"a')), None],
)
def test_unusable_file(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "c.csv").write_text(text)
    with pytest.raises(ClassMapError) as caught:
        match_classes(["a"], NAMES, IDS, str(tmp_path / "c.csv"))
    assert caught.value.setting == "--classes"


def test_hostile_names_are_fit_to_print() -> None:
    name = "evil\x1b[2J\n" + "x" * 500
    found = match_classes([name], [name])
    assert found.lines[0].isprintable()
    assert len(found.lines[0]) < 200
    with pytest.raises(ClassMapError) as caught:
        match_classes([name], ["other"])
    assert str(caught.value).isprintable()


def test_no_classes() -> None:
    assert match_classes([], NAMES).indices.shape == (0,)
