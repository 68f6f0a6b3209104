"""``eyechart decisions`` on small tables whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eyechart.images.decisions import Decision, DecisionTable, image_of
from eyechart.images.decisions_csv import write_decisions
from eyes import examined
from eyes_cues import SIXTEEN, cue_eye, names, pairs, stimuli

Command = Any

# Ten images; who answers them rightly. 4 both, 1 and 1 alone, 4 neither: observed .8, expected .5, kappa .6.
PERSON = "1111100000"
NET = "1111010000"


def table(file: Path, **observers: str) -> Path:
    """Observers (``_`` for ``-``) with a letter an image: 1 right, 0 wrong, n no answer, blank not shown."""
    rows = [
        Decision(name.replace("_", "-"), "1", str(k), "NaN", answer, "cat", condition, f"cat{k}.png")
        for name, letters in observers.items()
        for k, letter in enumerate(letters)
        for answer, condition in [({"1": "cat", "0": "dog", "n": "na"}.get(letter, ""), "0.0" if k < 10 else "1")]
        if answer
    ]
    write_decisions(DecisionTable(tuple(rows)), file)
    return file


def figures(said: Any, measure: str, **at: str) -> list[dict[str, Any]]:
    return [e for e in said.json["estimates"] if e["measure"] == measure and at.items() <= e["at"].items()]


def test_exact_figures_of_a_pair(command: Command, tmp_path: Path) -> None:
    net, people = table(tmp_path / "n.csv", net=NET), table(tmp_path / "p.csv", subject_01=PERSON)
    said = command("decisions", net, "--against", people, "--json")
    assert said.code == 0, said.err
    (kappa,) = figures(said, "error_consistency")
    assert kappa["value"] == pytest.approx(0.6)
    assert (kappa["n"], kappa["at"]) == (10, {"first": "net", "second": "subject-01"})
    assert kappa["low"] < 0.6 < kappa["high"]
    assert figures(said, "observed_consistency")[0]["value"] == 0.8
    assert figures(said, "expected_consistency")[0]["value"] == 0.5
    assert figures(said, "accuracy_difference")[0]["value"] == 0
    ends = [figures(said, f"error_consistency_{end}")[0]["value"] for end in ("lowest", "highest")]
    assert ends == [-1, 1]
    assert figures(said, "mean_error_consistency", of="net")[0]["value"] == pytest.approx(0.6)
    assert figures(said, "undefined_pairs")[0]["value"] == 0
    assert said.json["confusion"]["net"] == {"cat": {"cat": 5, "dog": 5}}


def test_undefined_pairs_are_told_and_left_out(command: Command, tmp_path: Path) -> None:
    people = table(tmp_path / "p.csv", subject_01="1" * 10, subject_02=PERSON, subject_03="1" * 10)
    net = table(tmp_path / "n.csv", net="1" * 10)
    said = command("decisions", net, "--against", people, "--json")
    (found,) = figures(said, "error_consistency", first="net", second="subject-01")
    assert found["value"] is None
    assert "no error to agree on" in found["reason"]
    (mean,) = figures(said, "mean_error_consistency", of="net")
    assert mean["value"] is None  # the net was always right: 0 with subject-02 would be arithmetic
    assert "always right" in mean["reason"]
    assert figures(said, "mean_error_consistency_highest", of="net")[0]["value"] is None
    (found,) = figures(said, "error_consistency", first="net", second="subject-02")
    assert (found["value"], found["low"]) == (None, None)
    assert "always right" in found["reason"]
    assert figures(said, "undefined_pairs", of="net")[0]["value"] == 3
    assert figures(said, "undefined_pairs", of="people")[0]["value"] == 3
    lines = command("decisions", net, people)
    assert "In 6 of the comparisons one was always right or always wrong" in " ".join(lines.err.split())


def test_means_leave_out_who_was_always_right(command: Command, tmp_path: Path) -> None:
    people = table(tmp_path / "p.csv", subject_01="1" * 10, subject_02=PERSON)
    said = command("decisions", table(tmp_path / "n.csv", net=NET), "--against", people, "--json")
    assert figures(said, "mean_error_consistency", of="net")[0]["value"] == pytest.approx(0.6)


def test_gaps_are_of_the_images_that_both_saw(command: Command, tmp_path: Path) -> None:
    """People agree on the ten images that the net saw, and differ on ten others that it did not."""
    people = table(tmp_path / "p.csv", subject_01=PERSON + "1100110011", subject_02=PERSON + "0110011001")
    text = people.read_text().replace(",1,cat1", ",0.0,cat1")
    people.write_text(text)
    said = command("decisions", table(tmp_path / "n.csv", net=NET), "--against", people, "--json")
    for measure in ("mean_error_consistency", "mean_observed_consistency", "mean_error_consistency_highest"):
        assert figures(said, measure, of="net")[0]["n"] == 10
    assert figures(said, "mean_error_consistency", of="people")[0]["n"] == 20
    (gap,) = figures(said, "error_consistency_gap", of="net", less="people")
    assert (gap["value"], gap["n"]) == (pytest.approx(0.6 - 1.0), 10)


def test_no_verdict_where_accuracies_explain_the_gap(command: Command, tmp_path: Path) -> None:
    """Right on 28 of 30 images, the people on 15: their kappa of 1 is out of reach."""
    one, net = "1" * 15 + "0" * 15, "0" + "1" * 28 + "0"
    people = table(tmp_path / "p.csv", subject_01=one, subject_02=one)
    people.write_text(people.read_text().replace(",1,cat", ",0.0,cat"))
    file = table(tmp_path / "n.csv", net=net)
    file.write_text(file.read_text().replace(",1,cat", ",0.0,cat"))
    said = command("decisions", file, "--against", people)
    told = " ".join(said.err.split())
    assert "accuracies so far apart allow no more than" in told
    assert "weak" not in told


def test_each_two_people_are_compared_once(command: Command, tmp_path: Path) -> None:
    people = table(tmp_path / "p.csv", subject_01=PERSON, subject_02=NET, subject_03=NET[::-1])
    said = command("decisions", people, "--json")
    pairs = [frozenset(e["at"].values()) for e in figures(said, "error_consistency")]
    assert len(pairs) == len({*pairs}) == 3
    assert len(figures(said, "mean_error_consistency")) == 1


def test_conditions_are_matched_whatever_their_spelling(command: Command, tmp_path: Path) -> None:
    net = table(tmp_path / "n.csv", net=NET + PERSON)
    text = table(tmp_path / "p.csv", subject_01=PERSON + PERSON).read_text()
    (tmp_path / "p.csv").write_text(text.replace(",0.0,", ",0,").replace(",1,cat1", ",1.00,cat1"))
    said = command("decisions", net, "--against", tmp_path / "p.csv", "--json")
    assert said.json["conditions"] == ["0", "1"]
    by_condition = {e["at"].get("condition"): e["value"] for e in figures(said, "error_consistency")}
    assert by_condition == {"0": pytest.approx(0.6), "1": 1.0, None: pytest.approx(0.8)}
    fewer = command("decisions", net, "--against", tmp_path / "p.csv", "--exclude", "1.0", "--json")
    assert fewer.json["conditions"] == ["0"]
    assert figures(fewer, "error_consistency")[0]["value"] == pytest.approx(0.6)
    wrong = command("decisions", net, "--exclude", "c100")
    assert wrong.code == 2
    assert "c100" in wrong.paragraph


def test_missing_answers_are_wrong_and_counted(command: Command, tmp_path: Path) -> None:
    said = command("decisions", table(tmp_path / "p.csv", subject_01="11nn0"), "--json")
    assert figures(said, "accuracy")[0]["value"] == 0.4
    assert figures(said, "no_answer")[0]["value"] == 0.4
    assert figures(said, "answer_entropy")[0]["value"] == pytest.approx(0.9183, abs=1e-4)  # two of three
    assert not figures(said, "error_consistency")
    silent = command("decisions", table(tmp_path / "s.csv", subject_02="nnn"), "--json")
    assert figures(silent, "answer_entropy")[0]["value"] is None


def test_a_page_and_results_without_torch(command: Command, tmp_path: Path) -> None:
    files = [table(tmp_path / "n.csv", net=NET, other=NET[::-1]), table(tmp_path / "p.csv", subject_01=PERSON)]
    said = command("decisions", *files, "--out", tmp_path / "out", "--resample-people")
    assert said.code == 0, said.err
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "net with people" in page
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {e["measure"] for e in results["estimates"]} >= {"accuracy", "mean_error_consistency", "chance_p"}
    assert [*results["provenance"]["files (BLAKE2b)"]] == ["n.csv", "p.csv"]
    (tmp_path / "more").mkdir()
    twin = table(tmp_path / "more" / "p.csv", subject_02=PERSON)
    command("decisions", *files, twin, "--out", tmp_path / "out")
    marks = json.loads((tmp_path / "out" / "results.json").read_text())["provenance"]["files (BLAKE2b)"]
    assert [*marks] == ["n.csv", str(files[1]), str(twin)]


def test_observers_of_other_images_share_nothing(command: Command, tmp_path: Path) -> None:
    one, other = table(tmp_path / "a.csv", net=NET), table(tmp_path / "b.csv", subject_01=" " * 10 + NET)
    said = command("decisions", one, other)
    assert said.code == 0
    assert "nobody can be compared" in " ".join(said.err.split())


def test_who_shares_no_image_is_named(command: Command, tmp_path: Path) -> None:
    both = table(tmp_path / "a.csv", net=NET, subject_01=PERSON)
    said = command("decisions", both, table(tmp_path / "b.csv", stray=" " * 10 + NET))
    told = " ".join(said.err.split())
    assert "Compared with nobody: stray; no image" in told
    assert "Compared with nobody" not in command("decisions", both).err


def test_people_are_told_by_their_names(command: Command, tmp_path: Path) -> None:
    said = command("decisions", table(tmp_path / "a.csv", human_3=NET, participant_1=PERSON))
    assert "No observer is called subject- and a number" in " ".join(said.err.split())
    named = command("decisions", table(tmp_path / "b.csv", subject_3=NET, participant_1=PERSON))
    assert "No observer is called" not in named.err
    assert "subject-01" in command("decisions", "--help").out
    assert "name them with --people" in " ".join(said.err.split())


def test_the_user_says_who_are_people(command: Command, tmp_path: Path) -> None:
    """The same figures as of people who are called subject-01."""
    tables = {
        name: (table(tmp_path / f"{name}n.csv", net=NET), table(tmp_path / f"{name}.csv", **{a: PERSON, b: NET[::-1]}))
        for name, a, b in (("usual", "subject_01", "subject_02"), ("own", "human_1", "Ada"))
    }
    usual = command("decisions", tables["usual"][0], "--against", tables["usual"][1], "--json")
    asked = ("decisions", tables["own"][0], "--against", tables["own"][1], "--people", "human-*", "Ada")
    own = command(*asked, "--json")
    assert own.code == 0, own.err
    for measure in ("mean_error_consistency", "error_consistency_gap"):
        assert figures(own, measure) == figures(usual, measure)
    assert len(figures(own, "mean_error_consistency")) == 2
    assert "No observer is called" not in command(*asked).err
    wrong = command(*asked[:-1], "Bob")
    assert wrong.code == 2
    assert "Bob" in wrong.paragraph
    assert "There are net, human-1, Ada" in wrong.paragraph


def test_errors_name_the_line_and_the_way_out(command: Command, tmp_path: Path) -> None:
    text = table(tmp_path / "n.csv", net=NET).read_text()
    (tmp_path / "bad.csv").write_text(text.replace("dog", "dgo"))
    said = command("decisions", tmp_path / "bad.csv")
    assert said.code == 2
    assert "line 6" in said.paragraph
    assert "Did you mean dog" in said.paragraph
    own = command("decisions", tmp_path / "bad.csv", "--categories", "cat,dgo", "--json")
    assert own.code == 0
    assert own.json["confusion"]["net"] == {"cat": {"cat": 5, "dgo": 5}}
    assert command("decisions").code == 2


def test_an_image_in_several_conditions_is_one_unit(command: Command, tmp_path: Path) -> None:
    said = command("decisions", table(tmp_path / "n.csv", net=NET + NET), "--json")
    (pooled,) = (e for e in figures(said, "accuracy") if "condition" not in e["at"])
    assert (pooled["value"], pooled["n"]) == (0.5, 20)  # cat0 to cat9, cat10 to cat19
    text = (tmp_path / "n.csv").read_text().replace("cat1", "cat").replace("cat.png", "cat1.png")
    (tmp_path / "m.csv").write_text(text)
    said = command("decisions", tmp_path / "m.csv", "--json")
    (pooled,) = (e for e in figures(said, "accuracy") if "condition" not in e["at"])
    assert (pooled["value"], pooled["n"]) == (0.5, 10)


def test_cue_conflict_tables_say_shape_or_texture(command: Command, tmp_path: Path) -> None:
    """Twelve stimuli: the person names the shape of 9 and the texture of 1, the net that of 3 and of 6."""
    names = [f"cat{k}-dog{k % 3 + 1}.png" for k in range(1, 7)] + [f"dog{k}-cat{k % 3 + 1}.png" for k in range(1, 7)]
    said_by = {"subject-01": "s" * 9 + "tnb", "subject-02": "s" * 11 + "n", "net": "s" * 3 + "t" * 6 + "bbb"}
    rows = []
    for observer, letters in said_by.items():
        for name, letter in zip(names, letters, strict=True):
            shape = name[:3]
            answer = {"s": shape, "t": {"cat": "dog", "dog": "cat"}[shape], "n": "na", "b": "bird"}[letter]
            rows.append(Decision(observer, "1", "1", "NaN", answer, shape, "0", name))
        rows.append(Decision(observer, "1", "13", "NaN", "cat", "cat", "0", "cat7-cat1.png"))  # agrees
        rows.append(Decision(observer, "1", "14", "NaN", "cat", "cat", "0", "cat8-zebra1.png"))  # no category
    write_decisions(DecisionTable(tuple(rows)), tmp_path / "t.csv")
    said = command("decisions", tmp_path / "t.csv", "--json", "--out", tmp_path / "out")
    found = {e["at"]["observer"]: (e["value"], e["n"]) for e in figures(said, "shape_bias")}
    assert found == {
        "subject-01": (0.9, 10),
        "subject-02": (1.0, 11),
        "net": (pytest.approx(1 / 3), 9),
        "all people": (pytest.approx(20 / 21), 21),
    }
    either = {e["at"]["observer"]: (e["value"], e["n"]) for e in figures(said, "either_cue_accuracy")}
    assert either["net"] == (0.75, 12)
    assert either["all people"] == (21 / 24, 24)
    (gap,) = figures(said, "shape_bias_gap")
    assert gap["at"] == {"of": "net", "less": "all people"}
    assert (gap["value"], gap["n"]) == (pytest.approx(1 / 3 - 20 / 21), 12)
    assert gap["high"] is None or gap["high"] < 0
    assert "Whose shape bias is higher?" in (tmp_path / "out" / "report.html").read_text()
    assert "ResNet-50, published" in (tmp_path / "out" / "report.html").read_text()


def test_answers_of_a_run_beside_tables(command: Command, tmp_path: Path) -> None:
    shapes, textures = pairs()
    run = examined(cue_eye("texture"), stimuli(), ["shape_bias", "spectrum"], tmp_path / "run")
    rows = [
        Decision("subject-01", "1", "1", "NaN", SIXTEEN[s], SIXTEEN[s], "0", image_of(name))
        for s, name in zip(shapes, names(shapes, textures), strict=True)
    ]
    write_decisions(DecisionTable(tuple(rows)), tmp_path / "p.csv")
    said = command("decisions", tmp_path / "p.csv", "--from", tmp_path / "run", "--json", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    model = run.record["models"][0]["name"]
    biases = {e["at"]["observer"]: (e["value"], e["n"]) for e in figures(said, "shape_bias")}
    assert biases == {"subject-01": (1.0, 240), model: (0.0, 240)}
    accuracies = {e["at"]["observer"]: e["value"] for e in figures(said, "accuracy")}
    assert accuracies == {"subject-01": 1.0, model: 16 / 256}
    assert json.loads((tmp_path / "out" / "results.json").read_text())["provenance"]["runs"] == [str(tmp_path / "run")]
    again = command("decisions", tmp_path / "out" / "decisions.csv", "--json")
    assert again.json["estimates"] == said.json["estimates"]
    alone = examined(cue_eye("texture"), stimuli(), ["spectrum"], tmp_path / "other")
    none = command("decisions", "--from", alone.path)
    assert none.code == 2
    assert "holds no decisions" in none.paragraph
