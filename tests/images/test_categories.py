"""Categories over a model's outputs: the shipped tables, users' own, and scores against plain softmax sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from eyechart.images.categories import OTHER, RULES, Categories, Rule
from eyechart.images.category_file import CategoryError, as_table, built_in, categories_for, read_category_file
from eyechart.models.class_names import imagenet_classes

Array = np.ndarray[Any, Any]
SIZES = {"airplane": 1, "bear": 4, "bicycle": 2, "bird": 49, "boat": 5, "bottle": 7, "car": 3, "cat": 6}
SIZES |= {"chair": 4, "clock": 3, "dog": 109, "elephant": 2, "keyboard": 2, "knife": 1, "oven": 1, "truck": 8}
SIXTEEN = categories_for("imagenet16", (), 1000)
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def logits(n: int = 40, outputs: int = 1000, scale: float = 3.0) -> Array:
    return scale * np.random.default_rng(0).standard_normal((n, outputs))


def test_the_sixteen_are_207_different_outputs_of_1000() -> None:
    assert dict(zip(SIXTEEN.names, SIXTEEN.sizes.tolist(), strict=True)) == SIZES
    outputs = [output for of_one in SIXTEEN.outputs for output in of_one]
    assert len(outputs) == len(set(outputs)) == 207
    assert SIXTEEN.names == tuple(sorted(SIXTEEN.names))


@pytest.mark.parametrize(
    ("output", "category"),
    [
        (281, "cat"),
        (285, "cat"),
        (268, "dog"),
        (251, None),
        (294, "bear"),
        (134, None),
        (899, "bottle"),
        (386, "elephant"),
    ],
)
def test_outputs_at_the_ends_of_ranges(output: int, category: str | None) -> None:
    found = [name for name, own in zip(SIXTEEN.names, SIXTEEN.outputs, strict=True) if output in own]
    assert found == ([category] if category else [])


def test_the_sixteen_are_what_imagenet_calls_them() -> None:
    names, _ = imagenet_classes()
    called = {category: [names[o] for o in own] for category, own in zip(SIXTEEN.names, SIXTEEN.outputs, strict=True)}
    assert called["airplane"] == ["airliner"]
    for category in ("bear", "cat", "clock", "elephant", "keyboard"):
        assert any(category in name for name in called[category]), called[category]
    assert categories_for("auto", names, 1000) == SIXTEEN


def by_hand(z: Array, rule: Rule) -> Array:
    """Answers from softmax probabilities added up one by one."""
    p, found = softmax(z, axis=1), []
    for row in p:
        if rule == "strict":
            top = int(row.argmax())
            own = [k for k, outputs in enumerate(SIXTEEN.outputs) if top in outputs]
            found.append(own[0] if own else OTHER)
            continue
        sums = [sum(row[o] for o in outputs) for outputs in SIXTEEN.outputs]
        score = {"sum": sums, "mean": sums / SIXTEEN.sizes, "max": [max(row[list(o)]) for o in SIXTEEN.outputs]}
        found.append(int(np.argmax(score[rule])))
    return np.array(found)


@pytest.mark.parametrize("rule", RULES)
def test_answers_are_those_of_probabilities_added_up(rule: Rule) -> None:
    z = logits()
    expected = by_hand(z, rule)
    assert len(set(expected)) > 2
    np.testing.assert_array_equal(SIXTEEN.answers(log_softmax(z, axis=1), rule), expected)


def test_laws_of_scores() -> None:
    z = logits()
    log_p = log_softmax(z, axis=1)
    mean, total = SIXTEEN.scores(log_p, "mean"), SIXTEEN.scores(log_p, "sum")
    np.testing.assert_allclose(total, mean + np.log(SIXTEEN.sizes))
    outside = sorted(set(range(1000)) - {o for own in SIXTEEN.outputs for o in own})
    restricted = z.copy()
    restricted[:, outside] = -1e9  # a softmax over the 207 alone
    for rule in ("mean", "sum", "max"):
        answers = SIXTEEN.answers(log_p, rule)
        np.testing.assert_array_equal(SIXTEEN.answers(log_softmax(z + 7, axis=1), rule), answers)
        np.testing.assert_array_equal(SIXTEEN.answers(log_softmax(restricted, axis=1), rule), answers)
    tiny = log_softmax(100 * z, axis=1)  # float probabilities would be 0 nearly everywhere
    assert np.isfinite(SIXTEEN.scores(tiny, "mean")).all()
    assert (SIXTEEN.answers(tiny, "max") == SIXTEEN.answers(log_p, "max")).all()


def test_ties_go_to_the_first_in_the_alphabet() -> None:
    flat = np.zeros((1, 1000))
    assert SIXTEEN.names[SIXTEEN.answers(flat, "mean")[0]] == "airplane"
    assert SIXTEEN.names[SIXTEEN.answers(flat, "sum")[0]] == "dog"


def test_best_ranks_are_places_in_the_sorted_outputs() -> None:
    z = logits(60, 12).round(0)  # with ties
    own = Categories.of("own", {"a": [3, 7], "b": [0], "c": [11, 1, 2]})
    asked = np.arange(60) % 4 - 1
    order = np.argsort(-z, axis=1, kind="stable")
    expected = [
        0 if k < 0 else min(order[i].tolist().index(output) for output in own.outputs[k]) + 1
        for i, k in enumerate(asked)
    ]
    assert own.best_ranks(z, asked).tolist() == expected


def test_seven_of_cifar_10() -> None:
    found = categories_for("auto", CIFAR, 10)
    assert dict(zip(found.names, found.outputs, strict=True)) == {
        "airplane": (0,), "bird": (2,), "boat": (8,), "car": (1,), "cat": (3,), "dog": (5,), "truck": (9,),
    }  # fmt: skip
    shuffled = categories_for("cifar10", CIFAR[::-1], 10)
    assert shuffled.outputs[shuffled.names.index("truck")] == (0,)


def test_outputs_called_after_categories_are_recognised() -> None:
    found = categories_for("auto", ("Bear", "zebra", "cat"), 3)
    assert dict(zip(found.names, found.outputs, strict=True)) == {"bear": (0,), "cat": (2,)}


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[categories]\nCat = ['tabby', 'Egyptian_cat', '282-284']\ndog = [1]\n")
    names = (*(f"thing {k}" for k in range(285)), "tabby, tabby cat", "Egyptian cat")
    found = categories_for(read_category_file(file), names, len(names))
    assert found.names == ("cat", "dog")
    assert found.outputs == ((282, 283, 284, 285, 286), (1,))


BAD: list[tuple[object, str]] = [
    ({"cat": [], "dog": [1]}, "'cat' has no outputs"),
    ({"cat": [1]}, "Fewer than two"),
    ({"cat": [0], "dog": [0, 1]}, "'cat' and 'dog'"),
    ({"cat": ["0-2"], "dog": [3, 3]}, "'dog' twice"),
    ({"cat": [0], "dog": [10]}, "no output 10"),
    ({"cat": [0], "dog": [-1]}, "no output -1"),
    ({"cat": ["3-1"], "dog": [0]}, "no output 3-1"),
    ({"cat": ["automobil"], "dog": [1]}, "automobile"),
    ({"cat": ["unicorn"], "dog": [1]}, "unicorn"),
    ({"cat": [True], "dog": [1]}, "no output"),
    ({"cat": "cat", "dog": [1]}, "no outputs"),
    ({"": [0], "dog": [1]}, "no name"),
    ([["cat", [0]], ["Cat", [1]]], "twice"),
    ("nothing", "no categories"),
    (None, "no categories"),
]


@pytest.mark.parametrize(("written", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_meant_is_refused(written: object, said: str) -> None:
    with pytest.raises(CategoryError, match=said) as caught:
        categories_for(as_table(written, "own.categories"), CIFAR, 10, "own.categories")
    assert caught.value.setting == "own.categories"
    assert caught.value.way_out


@pytest.mark.parametrize("text", ["", "[categories", "categories = 3", "[other]\ncat = [1]", "\x00"])
def test_files_that_hold_no_categories(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(CategoryError):
        read_category_file(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CategoryError, match="cannot be read"):
        read_category_file(tmp_path / "bytes.toml")


def test_models_that_are_not_what_a_table_is_about() -> None:
    with pytest.raises(CategoryError, match="10 outputs, this one 12"):
        categories_for("cifar10", (), 12)
    other = tuple(f"plant {k}" for k in range(1000))
    with pytest.raises(CategoryError, match="output 8 is called 'plant 8'"):
        categories_for("imagenet16", other, 1000)
    with pytest.raises(CategoryError, match="not known which of this model's 1,000 outputs"):
        categories_for("auto", other, 1000)
    with pytest.raises(CategoryError, match="names of the model's outputs are not known"):
        categories_for(as_table({"cat": ["cat"], "dog": [1]}), (), 10)
    assert {name for name, _ in built_in("cifar10")[1]} < set(SIZES)


def test_names_of_outputs_stand_for_their_category() -> None:
    known = categories_for("auto", CIFAR, 10)
    places = known.place_named(["automobile", "ship", "boat", "frog"]).tolist()
    assert places == [known.names.index("car"), known.names.index("boat"), known.names.index("boat"), OTHER]


def test_a_name_of_outputs_of_two_categories_or_of_none_stands_for_neither() -> None:
    known = Categories.of("", {"bird": [0], "cat": [2]}, ("crane, wader", "crane, machine", "tabby"))
    assert known.place_named(["crane", "wader", "machine", "tabby"]).tolist() == [OTHER, 0, OTHER, 1]


def test_the_name_of_a_category_goes_before_that_of_an_output() -> None:
    known = Categories.of("", {"bear": [0], "cat": [1]}, ("teddy", "bear"))
    assert known.place_named(["bear"]).tolist() == [known.names.index("bear")]
