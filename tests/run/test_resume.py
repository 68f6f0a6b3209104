"""A run that is stopped, or whose files are damaged, goes on to the same results, and does nothing twice."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from alike import assert_alike, marks
from eyechart.store.run_folder import Run
from small_run import IMAGES, QUERIES, SHARD, Counting, manifests, small_run, started, wait_for_shards

SHARDS = 3 * IMAGES // SHARD


def finished_files(out: Path) -> list[Path]:
    """Manifests and their parts."""
    parts = [m.parent / p["name"] for m in manifests(out) for p in json.loads(m.read_text())["parts"].values()]
    return [*manifests(out), *parts]


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, undisturbed: Run, kills: int) -> None:
    out, chance = tmp_path / "run", random.Random(kills)
    finished: dict[str, tuple[int, int, int]] = {}
    for kill in range(kills):
        process = started(out, pause=0.02)
        wait_for_shards(out, min(SHARDS - 3, len(finished) // 2 + chance.randint(0, SHARDS // kills)), process)
        sleep(chance.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -9, f"kill {kill} came too late"
        now = marks(finished_files(out))
        assert finished.items() <= now.items(), "a finished shard was written again"
        finished = now
    assert 0 < len(manifests(out)) < SHARDS
    counting = Counting()
    run = small_run(out, reporter=counting)
    assert finished.items() <= marks(finished_files(out)).items()
    assert 0 < counting.forwards == counting.announced < IMAGES * QUERIES
    assert_alike(run, undisturbed)


def test_a_finished_run_asks_the_model_nothing(tmp_path: Path, undisturbed: Run) -> None:
    small_run(tmp_path)
    before, counting = marks(finished_files(tmp_path)), Counting()
    run = small_run(tmp_path, reporter=counting)
    assert counting.forwards == 0
    assert marks(finished_files(tmp_path)) == before
    assert_alike(run, undisturbed)


def truncated(manifest: Path) -> None:
    part = first_part(manifest)
    part.write_bytes(part.read_bytes()[:-7])


def one_bit_flipped(manifest: Path) -> None:
    part = first_part(manifest)
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))


def part_gone(manifest: Path) -> None:
    first_part(manifest).unlink()


def first_part(manifest: Path) -> Path:
    return manifest.parent / json.loads(manifest.read_text())["parts"]["rows"]["name"]


def half_a_manifest(manifest: Path) -> None:
    manifest.write_bytes(manifest.read_bytes()[:40])


def garbage_manifest(manifest: Path) -> None:
    manifest.write_bytes(b"\xff\x00garbage")


def manifest_of_a_list(manifest: Path) -> None:
    manifest.write_text("[1, 2]")


def manifest_of_other_images(manifest: Path) -> None:
    stored = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**stored, "start": stored["start"] + 1}))


def manifest_without_rows(manifest: Path) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "parts": {}}))


def manifest_of_a_later_schema(manifest: Path) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 99}))


DAMAGE = (
    truncated,
    one_bit_flipped,
    part_gone,
    half_a_manifest,
    garbage_manifest,
    manifest_of_a_list,
    manifest_of_other_images,
    manifest_without_rows,
    manifest_of_a_later_schema,
)


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that each of the tests below damages, and leaves whole again."""
    out = tmp_path_factory.mktemp("worn")
    small_run(out)
    return out


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_shard_is_done_again(worn: Path, undisturbed: Run, damage: Callable[[Path], None]) -> None:
    victim = manifests(worn)[7]
    others = marks([m for m in manifests(worn) if m != victim])
    damage(victim)
    counting = Counting()
    run = small_run(worn, reporter=counting)
    told = [said for said in counting.said if "does not verify" in said]
    assert len(told) == 1
    assert victim.name in told[0]
    queries = {"clean": 1, "bands": 5, "shift": 5}[victim.parent.name.split("-")[0]]
    assert counting.forwards == SHARD * queries
    assert others.items() <= marks(manifests(worn)).items()
    assert_alike(run, undisturbed)


def test_a_manifest_that_is_gone_is_done_again(worn: Path, undisturbed: Run) -> None:
    manifests(worn)[0].unlink()
    assert_alike(small_run(worn), undisturbed)
    assert len(manifests(worn)) == SHARDS


def test_drafts_of_a_killed_process_are_passed_over(worn: Path, undisturbed: Run) -> None:
    manifest = manifests(worn)[3]
    for name in (f".{manifest.name}.4711", ".rows.parquet.1"):
        (manifest.parent / name).write_bytes(b"half")
    (worn / ".run.json.99").write_bytes(b"half")
    counting = Counting()
    assert_alike(small_run(worn, reporter=counting), undisturbed)
    assert (counting.forwards, counting.said) == (0, [])


def test_results_and_rows_are_written_again(worn: Path, undisturbed: Run) -> None:
    for name in ("results.json", "page.json", "rows/bands.parquet"):
        (worn / name).unlink()
    counting = Counting()
    assert_alike(small_run(worn, reporter=counting), undisturbed)
    assert counting.forwards == 0
