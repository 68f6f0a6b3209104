"""A folder of everything that goes wrong, end to end by the command line."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hostile import CLASSES, hostile_folder  # noqa: F401
from small_nets import FRAME

Command = Any
Hostile = tuple[Path, dict[str, str]]


NET = "from eyes import LowPassEye\n\n\ndef eye():\n    return LowPassEye(5, 16, classes=6)\n"


@pytest.fixture
def arguments(hostile_folder: Hostile) -> list[object]:  # noqa: F811
    root = hostile_folder[0]
    (root.parent / "frame.toml").write_text(FRAME)
    (root.parent / "classes.txt").write_text("\n".join(CLASSES))
    (root.parent / "hostile_net.py").write_text(NET)
    given = ["--preprocess", "frame.toml", "--classes", "classes.txt", "--exams", "clean,bands"]
    return ["exam", "hostile_net:eye", "--images", root, *given, "--out", "run"]


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("workers", [0, 2])
def test_every_file_is_counted(
    command: Command,
    hostile_folder: Hostile,  # noqa: F811
    arguments: list[object],
    workers: int,
) -> None:
    expected = Counter(hostile_folder[1].values())
    bad = sum(n for status, n in expected.items() if status != "ok")
    said = command(*arguments, "--workers", workers, "--max-bad", 0, "--json")
    assert said.code == 3
    assert f"Error: {bad} of {expected.total()} images could not be examined" in said.err
    assert "Traceback" not in said.err
    assert said.json["complete"] is False

    table = pq.read_table("run/rows/bands.parquet")
    status = dict(zip(table["id"].to_pylist(), table["status"].to_pylist(), strict=True))
    assert len(status) == table.num_rows == expected.total()
    found = {i: "ok" if s == "converted" else s for i, s in status.items()}
    assert found == hostile_folder[1]
    accuracy = next(e for e in said.json["estimates"] if e["measure"] == "accuracy")
    assert accuracy["n"] == expected["ok"]
    fates = json.loads(Path("run/page.json").read_text())["fates"]
    assert (fates["images"], fates["bad"]) == (expected.total(), bad)
    counts = Counter(fates["counts"])
    counts["ok"] += counts.pop("converted", 0)
    assert counts == expected

    allowed = command(*arguments, "--workers", workers, "--max-bad", bad, "--json")
    assert allowed.code == 0
    assert allowed.json["complete"] is True
    assert allowed.json["estimates"] == said.json["estimates"]


SCRIPT = re.compile(r"<script[^>]*>", re.IGNORECASE)


@pytest.mark.filterwarnings("ignore::Warning")
def test_names_stay_text_on_the_page(
    command: Command,
    hostile_folder: Hostile,  # noqa: F811
    arguments: list[object],
) -> None:
    for name in CLASSES[:2]:  # so that the page has to name them
        (hostile_folder[0] / name / "bad.png").write_bytes(b"")
    command(*arguments, "--workers", 0)
    page = Path("run/report.html").read_text()
    for name in ("<script>alert(1)", "<img src=x onerror"):
        assert name not in page
    assert "&lt;script&gt;alert(1)/bad.png" in page
    assert "&lt;img src=x onerror=alert(1)&gt;/bad.png" in page
    assert "short.jpg" in page  # bad files are listed
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = html.unescape(policy[1])
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    for tag in SCRIPT.findall(page):
        assert "src=" not in tag
    handlers = re.findall(r"<[a-z][^>]*\son[a-z]+\s*=", page)
    assert handlers == []


@pytest.mark.filterwarnings("ignore::Warning")
def test_doctor_lists_every_bad_file(command: Command, hostile_folder: Hostile) -> None:  # noqa: F811
    said = command("doctor", "--images", hostile_folder[0])
    assert said.code == 0
    for path, status in hostile_folder[1].items():
        assert (f"{status}: {path}:" in said.out) == (status != "ok"), path
