"""The page of a training: what is on it, from logs with known curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eyechart.core.chart import Lines, Table
from eyechart.store.folder import Folder
from eyechart.train.log import Log
from eyechart.train.present import in_words, parts_of, stopping, told, watched, write_page
from eyechart.train.recipe import Recipe, recipe_names, recipe_of

TEST = (0.3, 0.6, 0.8, 0.7)


def lines(radii: int = 2) -> list[dict[str, Any]]:
    found = []
    for k, test in enumerate(TEST):
        line: dict[str, Any] = {"epoch": k + 1, "lr": 0.1, "loss": 2.0 - k / 4, "accuracy": 0.5, "weights": "ab"}
        line |= {"train.clean.accuracy": test + 0.1, "test.clean.accuracy": test}
        for radius in range(1, radii + 1):
            low, high = min(0.2 * (k + 1), 0.5), 0.1 * (k + 1)
            line |= {
                f"test.bands.accuracy band={band} radius={radius}": value
                for band, value in (("low", low), ("high", high))
            }
        found.append(line)
    return found


def charts(radii: int = 2) -> dict[str, Lines | Table]:
    return {chart.title: chart for part in parts_of(lines(radii)) for chart in part.charts}


def test_curves_gap_and_the_epoch_to_stop_at() -> None:
    assert stopping(watched(lines())) == 3
    shown = charts()
    assert [mark.x for mark in shown["Accuracy"].marks] == [3]
    by_name = {one.name: one.y for one in shown["Accuracy"].series}
    assert by_name["test images"] == list(TEST)
    assert shown["clean: accuracy, training less test"].series[0].y == [pytest.approx(0.1)] * 4
    rows = {row[0]: row[1:] for row in shown["Test images"].rows}
    assert rows["bands: accuracy, band low, radius 1"] == (3, 0.5, 3)
    assert rows["clean: accuracy"] == (3, 0.7, 3)
    order = list(rows)
    assert order.index("bands: accuracy, band low, radius 1") < order.index("bands: accuracy, band high, radius 1")


def test_many_lines_are_parted_by_their_words() -> None:
    shown = charts(radii=12)
    low = shown["bands: accuracy, band low, test images"]
    assert len(low.series) == 8
    assert [low.series[0].name, low.series[-1].name] == ["radius 1", "radius 12"]
    assert "8 of 12" in low.caption


def test_the_page_of_a_log_as_it_is_read_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    log = Log(folder, 0)
    for line in lines():
        log.add(line | {"note": "memory was short"})
    write_page(folder, recipe_of("trades"), "Training of <b>", {"seed": 0})
    text = (tmp_path / "report.html").read_text()
    assert "Training of &lt;b&gt;" in text
    assert "best at epoch 3" in text
    assert text.count("Note: memory was short.") == 1
    assert "proof/report.html" not in text
    folder.write("proof/report.html", b"")
    write_page(folder, recipe_of("trades"), "T", {})
    alone = (tmp_path / "report.html").read_text()
    assert '<a href="proof/report.html">The exam on test images</a>' in alone
    assert "random weights, as the net&#39;s code draws them" in alone
    write_page(folder, recipe_of("trades"), "T", {"start": "ab12", "start_name": "old.safetensors"})
    beside = (tmp_path / "report.html").read_text()
    assert "with what changed and by how much" in beside
    assert "the weights of old.safetensors" in beside


def test_the_best_epoch_is_told_with_its_interval(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert (
        "best at epoch 3 (80.0%), of the epochs that were watched; at the end it was 70.0%. "
        in told(lines(), folder)[1]
    )
    clean = {"exam": "clean", "measure": "accuracy", "at": {}, "low": 0.69, "high": 0.88, "n": 90}
    folder.write_json("watch/epoch-00003/test/results.json", {"estimates": [{**clean, "at": {"band": "low"}}, clean]})
    sentence = told(lines(), folder)[1]
    assert "(80.0%; 95% interval 69.0 to 88.0%, 90 images)" in sentence
    assert "at the end it was 70.0%, within that interval. The highest of several is flattered by chance." in sentence
    assert told(lines()[:3])[1].startswith("On clean test images the net was best at the last epoch (80.0%)")


def test_nothing_watched_and_nothing_finished() -> None:
    plain = [{"epoch": 1, "lr": 0.1, "loss": 2.0, "accuracy": 0.5}]
    assert [part.anchor for part in parts_of(plain)] == ["learning"]
    assert told([]) == ["No epoch was finished."]


def test_recipes_in_words() -> None:
    for name in recipe_names():
        assert all(label and value for label, value in in_words(recipe_of(name)))
    words = dict(in_words(Recipe(epochs=3, lr=0.1, schedule="steps", milestones=(1, 2), ghost_batches=2, clip=1)))
    assert words["Shown"] == "3 epochs, 128 images a step, BatchNorm in 2 parts"
    assert "times 0.1 after 1, 2 epochs" in words["Steps"]
    assert "norm 1 at most" in words["Steps"]


def test_errors_are_not_acquired(tmp_path: Path) -> None:
    """An error falls: at the first epoch it is highest, and that says nothing of what was learned first."""
    found = lines()
    for k, line in enumerate(found):
        line["test.corruptions.mean_corruption_error"] = 0.9 - 0.2 * k
    tables = {chart.title: chart for part in parts_of(found) for chart in part.charts if isinstance(chart, Table)}
    names = [row[0] for row in tables["Test images"].rows]
    assert "clean: accuracy" in names
    assert not any("error" in name for name in names)
    watched_too = [chart.title for part in parts_of(found) for chart in part.charts]
    assert "corruptions: mean corruption error, test images" in watched_too


def test_remedies_stand_in_the_words() -> None:
    words = dict(in_words(Recipe(epochs=3, lr=0.1, remedies=("polyphase", {"name": "antialias", "stem": "full"}))))
    assert words["Architecture"] == "changed before training: polyphase, antialias (stem full)"
