"""Tables of decisions: a hostile corpus with exact counts, an exact round trip, and errors that name the line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.images.decisions import (
    CATEGORIES,
    DecisionError,
    image_of,
    is_person,
    joined,
    name_fields,
    normal_condition,
    stem_of,
)
from eyechart.images.decisions_csv import COLUMNS, csv_of, network_decisions, read_decisions, write_decisions
from eyechart.images.observers import observed

HEADER = ",".join(COLUMNS)

PEOPLE = f"""{HEADER}
subject-01,1,1,0.840,cat,cat,0,0001_s5n_s01_0_cat_00_cat7-elephant1.png
subject-01,1,2,0.912,na,car,0,0002_s5n_s01_0_car_10_car1-clock2.png
subject-01,1,3,1.2,elephant,cat,0,0003_s5n_s01_0_cat_00_cat8-elephant2.png
subject-02,1,1,0.5,car,car,0,0001_s5n_s02_0_car_10_car1-clock2.png
subject-02,1,2,NaN,cat,cat,0,0002_s5n_s02_0_cat_00_cat7-elephant1.png
"""

# A byte-order mark, other cases, blanks, quotes, Windows line ends, blank lines, three-part and WNID names, and conditions that
# are spelled in two ways.
HOSTILE = (
    "\ufeffSubj, Session,trial,RT,object_response ,Category,condition,imagename,Score\r\n"
    "subject-01,1,1,0.84, Cat ,cat,0.00,0001_cop_s01_0.00_cat_00_n02123394_3445.JPEG,a\r\n"
    'subject-01,1,2,,na,knife,0.0,"0002_cop_s01_0.0_knife_00_n03041632_7.JPEG","b, c"\r\n'
    "\r\n"
    "subject-01,1,3,nan,NA,airplane,TRUE,0003_cop_s01_true_airplane_00_airplane1-bicycle2-108.png,\r\n"
    " resnet-50 ,1,1,NaN,bicycle,airplane,true,0001_cop_dnn_True_airplane_00_airplane1-bicycle2-108.png,\r\n"
    "resnet-50,1,2,NaN,cat,cat,0,0002_cop_dnn_0_cat_00_n02123394_3445.JPEG,\r\n"
    ",,,,,,,,\r\n"
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return written(tmp_path / "cue_subject-01_session_1.csv", PEOPLE)


def written(file: Path, text: str) -> Path:
    file.write_bytes(text.encode())
    return file


def row(**changes: str) -> str:
    usual = dict(zip(COLUMNS, ("net", "1", "1", "NaN", "cat", "cat", "0", "cat1-car2.png"), strict=True))
    return ",".join({**usual, **changes}.values())


def test_exact_counts(people: Path) -> None:
    table = read_decisions([people])
    assert len(table) == 5
    assert Counter(one.response for one in table.of("subject-01")) == {"cat": 1, "na": 1, "elephant": 1}
    assert sum(one.right for one in table) == 3
    assert table.observers == table.people == ("subject-01", "subject-02")
    assert table.conditions == ("0",)
    assert [one.seconds for one in table] == [0.84, 0.912, 1.2, 0.5, None]
    assert {one.image for one in table.of("subject-02")} <= {one.image for one in table.of("subject-01")}


def test_a_hostile_file_has_exact_counts(tmp_path: Path) -> None:
    table = read_decisions([written(tmp_path / "hostile.csv", HOSTILE)])
    assert [one.response for one in table] == ["cat", "na", "na", "bicycle", "cat"]
    assert [one.condition for one in table] == ["0", "0", "true", "true", "0"]
    assert table.conditions == ("0", "true")
    assert table.observers == ("subject-01", "resnet-50")
    assert table.people == ("subject-01",)
    images = [one.image for one in table]
    assert images == [
        "n02123394_3445.JPEG",
        "n03041632_7.JPEG",
        *["airplane1-bicycle2-108.png"] * 2,
        "n02123394_3445.JPEG",
    ]
    assert [one.seconds for one in table] == [0.84, None, None, None, None]
    assert table.extra_columns == ("score",)
    assert [one.extra for one in table] == [("a",), ("b, c",), ("",), ("",), ("",)]
    assert len(table.without(["True"])) == 3
    assert len(table.without(["0.000"])) == 2


def test_round_trips_are_exact(people: Path, tmp_path: Path) -> None:
    table = read_decisions([people])
    assert csv_of(table) == PEOPLE
    for text in (PEOPLE, HOSTILE):
        first = read_decisions([written(tmp_path / "one.csv", text)])
        write_decisions(first, tmp_path / "two.csv")
        second = read_decisions([tmp_path / "two.csv"])
        assert second == first
        assert csv_of(second).encode() == (tmp_path / "two.csv").read_bytes()


def test_further_columns_of_several_files(people: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "net.csv", f"{HEADER},p_cat,p_dog\n{row()},0.5,0.25\n")
    table = read_decisions([people, other])
    assert table.extra_columns == ("p_cat", "p_dog")
    assert {one.extra for one in table.of("subject-01")} == {("", "")}
    assert table.decisions[-1].extra == ("0.5", "0.25")


def test_conditions_may_lack_the_zero_before_the_point() -> None:
    assert [normal_condition(text) for text in (".3", "-.50", "+.0", ".", "")] == ["0.3", "-0.5", "0", ".", ""]


def test_a_file_without_decisions_beside_others_is_no_slip(people: Path, tmp_path: Path) -> None:
    with pytest.raises(DecisionError, match="no decisions") as told:
        read_decisions([people, written(tmp_path / "empty.csv", HEADER + "\n")])
    assert "empty.csv" in str(told.value)


def test_an_image_has_one_category(tmp_path: Path) -> None:
    second = row(subj="subject-02", category="dog")
    table = read_decisions([written(tmp_path / "two.csv", f"{HEADER}\n{row()}\n{second}\n")])
    with pytest.raises(DecisionError, match="is cat for net and dog for subject-02"):
        observed(table)


def numbered(*rows: tuple[str, str, str]) -> str:
    lines = [row(subj=who, category=category, imagename=name) for who, category, name in rows]
    return "\n".join([HEADER, *lines])


def test_images_of_one_file_name_in_two_folders_are_two_images(tmp_path: Path) -> None:
    """Told by an observer who answered both, or by their categories; else folders say nothing."""
    both = numbered(
        ("net", "cat", "photos/cat/01.png"), ("net", "dog", "photos/dog/01.png"), ("net", "dog", "dog/7.png")
    )
    other = numbered(("subject-01", "cat", "cat/01.png"), ("subject-01", "dog", "elsewhere/7.png"))
    table = read_decisions([written(tmp_path / "a.csv", both)])
    assert [one.image for one in table] == ["cat/01.png", "dog/01.png", "7.png"]
    alone = read_decisions([written(tmp_path / "b.csv", other)])
    assert [one.image for one in alone] == ["01.png", "7.png"]
    seen = observed(joined([table, alone]))
    assert [image for _, image in seen.images] == ["7.png", "cat/01.png", "dog/01.png"]
    assert seen.panel.seen.tolist() == [[True, True], [True, True], [True, False]]
    apart = numbered(("net", "cat", "cat/01.png"), ("subject-01", "dog", "dog/01.png"))
    assert observed(read_decisions([written(tmp_path / "c.csv", apart)])).count == 2
    rooms = numbered(*(("net", "cat", f"{side}/cat/{k}.png") for side in ("left", "right") for k in (1, 2)))
    assert {one.image for one in read_decisions([written(tmp_path / "d.csv", rooms)])} == {
        f"{side}/cat/{k}.png" for side in ("left", "right") for k in (1, 2)
    }
    again = tmp_path / "e.csv"
    write_decisions(table, again)
    assert read_decisions([again]) == table
    with pytest.raises(DecisionError, match="twice"):
        read_decisions([written(tmp_path / "f.csv", numbered(*[("net", "cat", "cat/01.png")] * 2))])


def test_a_networks_answers_become_a_table(tmp_path: Path) -> None:
    table = network_decisions("net", ["cat1-car2.png", "a,b.png"], ["cat", "dog"], ["cat", "oven"])
    write_decisions(table, tmp_path / "net.csv")
    assert read_decisions([tmp_path / "net.csv"]) == table
    assert csv_of(table).splitlines()[1] == "net,1,1,NaN,cat,cat,0,cat1-car2.png"
    with pytest.raises(DecisionError, match="cannot be written"):
        write_decisions(table, tmp_path / "nowhere" / "net.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        (HEADER.replace(",", "\t"), "single field: fields are separated by commas"),
        (HEADER + "\nnet,1,\0", "no text"),
        (HEADER, "no decisions"),
        (HEADER.replace(",rt", ""), "no column rt"),
        (f"{HEADER},SUBJ\n{row()},x", "'subj' stands there twice"),
        (f"{HEADER}\n{row()},more", "9 fields, the first one 8"),
        (f"{HEADER}\n{row(object_response='cta')}", "'cta' in the column object_response"),
        (f"{HEADER}\n{row(object_response='')}", "'' in the column object_response"),
        (f"{HEADER}\n{row(object_response='nan')}", "'nan' in the column object_response"),
        (f"{HEADER}\n{row(category='na')}", "'na' in the column category"),
        (f"{HEADER}\n{row(rt='fast')}", "'fast' is no number"),
        (f"{HEADER}\n{row(rt='inf')}", "'inf' is no number"),
        (f"{HEADER}\n{row(subj=' ')}", "names no observer"),
        (f"{HEADER}\n{row(imagename='0001_s5n_dnn_0_car_00_cat1-car2.png')}", "but its category is cat"),
        (f"{HEADER}\n{row()}\n\n{row(trial='9')}", "twice; the first time in line 2"),
        (f"{HEADER}\n{row()}\n{row(condition='0.0', session='2')}", "line 3"),
        (f'{HEADER}\n"net,1', "is no CSV"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DecisionError, match=says) as error:
        read_decisions([written(tmp_path / "bad.csv", text)])
    assert "bad.csv" in str(error.value)
    assert error.value.way_out


def test_near_misses_are_suggested_and_files_told_apart(people: Path, tmp_path: Path) -> None:
    with pytest.raises(DecisionError, match="Did you mean elephant"):
        read_decisions([written(tmp_path / "bad.csv", f"{HEADER}\n{row(object_response='elefant')}")])
    with pytest.raises(DecisionError, match=r"line 2 of .*cue_subject"):
        read_decisions([people, written(tmp_path / "copy.csv", PEOPLE)])
    for wrong in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DecisionError, match="cannot be read"):
            read_decisions([wrong])
    (tmp_path / "latin.csv").write_bytes(f"{HEADER}\n{row(subj='Ren')}".encode() + b"\xe9")
    with pytest.raises(DecisionError, match="no text in UTF-8"):
        read_decisions([tmp_path / "latin.csv"])


def test_own_categories(tmp_path: Path) -> None:
    file = written(tmp_path / "own.csv", f"{HEADER}\n{row(object_response='Tea Pot', category='mug')}")
    assert read_decisions([file], ("mug", "tea pot")).decisions[0].response == "tea pot"
    for wrong in (("mug",), ("mug", "Mug"), ("mug", "na"), ("mug", "")):
        with pytest.raises(DecisionError, match="no categories"):
            read_decisions([file], wrong)
    assert len(CATEGORIES) == 16
    assert list(CATEGORIES) == sorted(CATEGORIES)


def test_unknown_conditions_are_no_silent_exclusion(people: Path) -> None:
    with pytest.raises(DecisionError, match="No decision is of this condition"):
        read_decisions([people]).without(["c100"])


@pytest.mark.parametrize(
    ("written_as", "normal"),
    [
        ("0.00", "0"),
        ("0.0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1", "1"),
        ("0.60", "0.6"),
        ("10", "10"),
        ("100.0", "100"),
        ("-90.50", "-90.5"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("True", "true"),
        ("INF", "inf"),
        ("nan", "nan"),
        ("c100", "c100"),
        ("1-10-10", "1-10-10"),
        ("1e3", "1e3"),
        ("2020-01-01", "2020-01-01"),
        (" BW ", "bw"),
        ("", ""),
        ("1.", "1"),
    ],
)
def test_conditions_have_one_spelling(written_as: str, normal: str) -> None:
    assert normal_condition(written_as) == normal


@given(st.text(max_size=12) | st.floats().map(str) | st.decimals().map(str))
def test_the_spelling_is_final(text: str) -> None:
    once = normal_condition(text)
    assert normal_condition(once) == once


def test_conditions_are_sorted_by_size(tmp_path: Path) -> None:
    rows = [row(condition=c, imagename=f"{k}.png") for k, c in enumerate(["10", "9.0", "c1", "-1", "inf"])]
    table = read_decisions([written(tmp_path / "many.csv", "\n".join([HEADER, *rows]))])
    assert table.conditions == ("-1", "9", "10", "c1", "inf")


def test_names_and_observers() -> None:
    assert name_fields("0001_s5n_dnn_0_cat_00_cat7-elephant1.png")[4] == "cat"
    assert name_fields("n04111531_14126.png") == ()
    assert image_of("n04111531_14126.png") == "n04111531_14126.png"
    assert image_of("cat/IMG_0001.png") == "IMG_0001.png"
    assert image_of("a/cat/01.png", 1) == image_of("cat/01.png", 9) == "cat/01.png"
    assert stem_of("a.b/cat.old/01", 1) == "cat.old/01"
    assert stem_of("0001_edg_s01_0_cat_00_Cat7.PNG") == stem_of("cat/cat7.webp") == "cat7"
    assert [is_person(name) for name in ("subject-01", "subject-1", "Subject-01", "subject-x", "vgg16")] == [
        *[True] * 2,
        *[False] * 3,
    ]
