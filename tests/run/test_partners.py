"""Which image stands beside which: another class, every pair of classes as often, whatever is examined, in whatever order."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alike import assert_alike, assert_same_rows
from eyechart.core.query import Query
from eyechart.core.view import Partner, Plain, sources_of
from eyechart.exams.hybrids import Hybrids
from eyechart.images.arrays import array_set
from eyechart.images.load import load_images
from eyechart.images.order import seeded_order
from eyechart.images.sources import RefusedSource
from eyechart.run.partners import partner_positions
from eyechart.run.plan import source_views
from eyechart.run.spread import Rank
from eyechart.store.run_folder import Run
from eyechart.views.bands import Band
from eyechart.views.conflicts import BandHybrid
from numbered import CLASSES, Exits, numbered
from small_run import SHARD, Counting, manifests, small_run

EXAM = Hybrids(radii=(1, 4), pairs=2, grid=3, gallery=2)
QUERIES = 1 + 2 * (1 + 2 + 2 + 1)
IMAGES = numbered(3 * SHARD + 5)


def ordered(labels: list[int] | np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The seeded order, and the labels in it."""
    labels = np.asarray(labels)
    order = seeded_order([f"{i}" for i in range(len(labels))], labels, seed)
    return order, labels[order]


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_every_ordered_pair_of_classes_is_as_frequent_in_every_prefix(number: int) -> None:
    order, labels = ordered(np.arange(5 * 24) % 5)
    partners = partner_positions(order, labels[np.argsort(order)], number)
    for n in (20, 60, 120):
        pairs = Counter(zip(labels[:n].tolist(), labels[partners[:n]].tolist(), strict=True))
        assert not any((c, c) in pairs for c in range(5))
        assert len(pairs) == 20
        assert max(pairs.values()) - min(pairs.values()) <= 1 + (n < 120)  # the seeded order itself is one off
    assert sorted(partners.tolist()) == list(range(120))  # every image is B once


def test_partners_of_one_image_are_different_images() -> None:
    order, labels = ordered(np.arange(4 * 12) % 4)
    own = labels[np.argsort(order)]
    each = np.stack([partner_positions(order, own, number) for number in range(9)], axis=1)
    assert all(len(set(row)) == 9 for row in each.tolist())
    first = labels[each[:, :3]]
    assert all(len({*row, mine}) == 4 for row, mine in zip(first.tolist(), labels.tolist(), strict=True))


def test_classes_of_any_size_and_images_without_a_label() -> None:
    given = np.array([0] * 30 + [1] * 4 + [2] + [-1] * 6)
    order, labels = ordered(given)
    partners = partner_positions(order, given, 0)
    assert (labels[partners] >= 0).all()
    assert (labels[partners] != labels).all()
    met = Counter(labels[partners[labels == 0]].tolist())
    assert met == {1: 15, 2: 15}
    assert len(set(partners[labels == -1].tolist())) > 1


def test_one_image_a_class_meets_classes_that_are_no_neighbours_by_name() -> None:
    order, labels = ordered(np.arange(50))
    partners = partner_positions(order, np.arange(50), 0)
    gaps = (labels[partners] - labels) % 50
    assert sorted(partners.tolist()) == list(range(50))
    assert len(set(gaps.tolist())) > 20


@pytest.mark.parametrize("labels", [None, np.zeros(5, int), np.full(5, -1)])
def test_without_two_classes_the_partner_is_another_image(labels: np.ndarray | None) -> None:
    for number in range(9):
        partners = partner_positions(np.arange(5), labels, number)
        assert (partners != np.arange(5)).all()
        assert set(partners.tolist()) == set(range(5))
    assert partner_positions(np.arange(1), labels if labels is None else labels[:1], 0).tolist() == [-1]


def test_views_name_the_frames_that_they_mix_in() -> None:
    mixed = BandHybrid(1, 4.0).then(Band("low", 2.0))
    assert sources_of(mixed) == (Plain(), Partner(1))
    assert sources_of(Partner(0).then(BandHybrid(1, 4.0))) == (Partner(0), Partner(1))
    queries = [Query(), Query(BandHybrid(0, 4.0)), Query(BandHybrid(0, 5.0)), Query(Partner(0)), Query(mixed)]
    assert source_views(queries) == (Plain(), Partner(0), Partner(1))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("plain"), IMAGES, [EXAM])


def test_the_partner_is_who_the_rows_say(plain: Run) -> None:
    rows = plain.rows("hybrids").to_pylist()
    labels = {row["position"]: row["label"] for row in rows}
    assert all(
        labels[p] == t for row in rows for p, t in zip(row["partner_position"], row["partner_label"], strict=True)
    )
    assert all(-1 < t != row["label"] for row in rows for t in row["partner_label"])
    own = {row["position"]: row["image_top1"] for row in rows}
    assert all(own[p] == t for row in rows for p, t in zip(row["partner_position"], row["partner_top1"], strict=True))
    assert len({own[row["position"]] for row in rows}) > 1


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (7, 1), (256, 2)])
def test_batches_and_workers_decide_nothing(tmp_path: Path, plain: Run, batch_size: int, workers: int) -> None:
    assert_alike(small_run(tmp_path, IMAGES, [EXAM], batch_size=batch_size, workers=workers), plain)


def test_a_run_that_grows_backwards_and_lost_a_shard_ends_the_same(
    tmp_path: Path, plain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = small_run(tmp_path, IMAGES, [EXAM], limit=20)
    beyond = [p for row in few.rows("hybrids")["partner_position"].to_pylist() for p in row if p >= 20]
    assert beyond  # partners need not be examined themselves
    assert_same_rows(few.rows("hybrids"), plain.rows("hybrids").slice(0, 20))
    monkeypatch.setattr(Rank, "rotated", lambda self, items: list(items)[::-1])
    small_run(tmp_path, IMAGES, [EXAM])
    manifests(tmp_path)[0].unlink()
    counting = Counting()
    assert_alike(small_run(tmp_path, IMAGES, [EXAM], reporter=counting), plain)
    assert counting.forwards % QUERIES == 0 < counting.forwards <= SHARD * QUERIES


@pytest.mark.parametrize("workers", [0, 1])
def test_an_undecodable_partner_costs_the_pair_and_no_image(tmp_path: Path, plain: Run, workers: int) -> None:
    odd = {12: RefusedSource("empty", "the file is empty")} | ({30: Exits()} if workers else {})
    run = small_run(tmp_path, numbered(len(IMAGES), odd), [EXAM], workers=workers, max_bad=2)
    mine, usual = (r.rows("hybrids").to_pylist() for r in (run, plain))
    gone = {row["position"] for row in mine if row["status"] != "ok"}
    assert {row["id"] for row in mine if row["status"] != "ok"} == {f"picture-{i:05d}" for i in odd}
    for row, other in zip(mine, usual, strict=True):
        if row["position"] in gone:
            continue
        for pair, position in enumerate(other["partner_position"]):
            lost = position in gone
            assert row["partner_position"][pair] == position
            assert row["partner_top1"][pair] == (-1 if lost else other["partner_top1"][pair])
            expected = [-1, -1] if lost else other["bands_top1"][2 * pair : 2 * pair + 2]
            assert row["bands_top1"][2 * pair : 2 * pair + 2] == expected
    lone = sum(p in gone for row in mine if row["position"] not in gone for p in row["partner_position"])
    assert 0 < lone <= 2 * len(gone)


def test_images_from_a_folder_and_in_memory_meet_the_same_partners(tmp_path: Path) -> None:
    pixels = np.stack([np.asarray(IMAGES.source(i).open().picture) for i in range(12)])
    names = [f"{'abcd'[i % CLASSES]}/{i:02d}.png" for i in range(12)]
    for name, one in zip(names, pixels, strict=True):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(tmp_path / "set" / name)
    found = load_images(str(tmp_path / "set"))
    index = [names.index(name) for name in found.ids]
    memory = array_set("memory", pixels[index], found.ids, {"label": found.labels}, ())
    exam = Hybrids(radii=(4,), methods=("bands",), gallery=0)
    runs = [small_run(tmp_path / str(k), images, [exam], classes="sorted") for k, images in enumerate((found, memory))]
    assert_same_rows(runs[0].rows("hybrids"), runs[1].rows("hybrids"))


def test_kept_pairs_are_pictured_with_their_own_partner(plain: Run) -> None:
    positions = {row["position"]: row for row in plain.rows("hybrids").to_pylist()}
    by_id = {row["id"]: row for row in positions.values()}
    kept = plain.kept("eye", "hybrids")
    assert {case.key for case in kept} <= {f"hybrids/{m}/" for m in ("bands", "phase", "object")}
    for case in kept:
        partner = positions[by_id[case.id]["partner_position"][0]]["id"]
        assert (shown(case.pictures["a"]) == original(case.id)).all()
        assert (shown(case.pictures["b"]) == original(partner)).all()
    assert kept


def original(image_id: str) -> np.ndarray:
    return np.asarray(IMAGES.source(int(image_id[-5:])).open().picture)


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))
