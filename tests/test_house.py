"""The house keeps its own rules: floors, file lengths, names, what an import loads, pinned versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import fsspec
import pytest

import eyechart
from alike import assert_alike
from eyechart.core.catalogue import EXAMS as CATALOGUE
from eyechart.examination import open_run, write_report
from numbered import numbered
from small_run import EXAMS, small_run

SOURCE = Path(eyechart.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(SOURCE.rglob("*.py"))
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "base"}


def test_floors_by_import_linter() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"Contracts: \d+ kept, 0 broken", ran.stdout)


def test_every_exam_is_under_the_contract_of_independence() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (independent,) = [c["modules"] for c in contracts if c["type"] == "independence"]
    assert {target.split(":")[0] for target in CATALOGUE.values()} <= set(independent)


def test_no_drawers() -> None:
    assert len(FILES) > 60
    assert not [path for path in FILES if path.stem in DRAWERS or path.parent.name in DRAWERS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_files_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert text.startswith('"""')


def imported(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in ran.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import eyechart",
        "import eyechart.cli.app",
        "import eyechart.run.worker",
        "import eyechart.report.page, eyechart.report.run_page",
        "import eyechart.store.run_folder, eyechart.store.shards",
        "import eyechart.views.shifts",
        "import eyechart.views.windows",
    ],
)
def test_what_must_not_load_torch(statement: str) -> None:
    modules = imported(statement)
    assert "eyechart" in modules
    assert not {"torch", "torchvision", "timm"} & modules


def test_constraints_are_exact_and_local() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.strip()]
    exact = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")
    assert [line for line in lines if not exact.fullmatch(line)] == []
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines}
    assert len(pinned) == len(lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[ ;]", w, maxsplit=1)[0]).lower() for w in wanted}
    assert names <= pinned


def test_a_run_folder_in_memory(tmp_path: Path) -> None:
    url = "memory://eyechart-house/run"
    images = numbered(40)
    small_run(url, images, EXAMS, limit=20)
    run = small_run(url, images, EXAMS)
    assert_alike(run, small_run(tmp_path, images, EXAMS))
    assert write_report(url) == f"{url}/report.html"
    again = open_run(url)
    assert again.path == url
    assert len(again.estimates) == len(run.estimates)
    store = fsspec.filesystem("memory")
    assert store.cat_file("/eyechart-house/run/report.html").startswith(b"<!doctype html>")
    part = next(p for p in store.find("/eyechart-house/run/shards") if "-rows-" in p)
    store.pipe_file(part, b"damaged")
    assert_alike(small_run(url, images, EXAMS), run)
    store.rm("/eyechart-house", recursive=True)


@pytest.mark.parametrize("name", ["results", "run"])
def test_schemas_ship_with_the_package(name: str) -> None:
    assert (SOURCE / "data/schemas" / f"{name}.schema.json").is_file()
