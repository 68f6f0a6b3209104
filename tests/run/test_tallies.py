"""Sums, kept cases, stages and shared queries, with an exam made for the purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from alike import assert_alike
from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import BLOCKS, Kept, Tally, block_of, sums_by_block
from eyechart.core.view import Plain, View
from eyechart.exams.clean import Clean
from eyechart.store.run_folder import Run
from eyechart.views.bands import Band
from numbered import numbered
from small_run import SHARD, Counting, TiredEye, manifests, small_run

IMAGES = numbered(3 * SHARD + 5)
BEST = 3


class Toy(Exam):
    """Stage one sums the logits; stage two asks about the class with the largest sum, and keeps the images nearest to it."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    explanation: ClassVar[str] = "A toy. It shows nothing."

    power: int = 1

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        if not so_far:
            return (CLEAN,)
        if len(so_far) == 1:
            radius = 1.0 + int(so_far[0].sums["logits"].sum(0).argmax())
            return (CLEAN, Query(Band("low", radius)))
        return None

    def read(self, answers: Answers, batch: Batch) -> Tally:
        logits = answers[CLEAN].values.astype(np.float64) ** self.power
        scores = np.round(logits[:, 0]).clip(0, 2)  # many ties
        kept = [Kept(f"class {k}", float(s), i) for k, s, i in zip(logits.argmax(1), scores, batch.ids, strict=True)]
        others = [a.values for q, a in answers.items() if q != CLEAN]
        sums = {"logits": sums_by_block(logits, batch.ids)}
        if others:
            sums["low"] = sums_by_block(others[0], batch.ids)
        return Tally({"number": np.array([int(i[-5:]) for i in batch.ids])}, sums, tuple(kept), BEST)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        total, low = tally.sums["logits"].sum(0), tally.sums["low"].sum(0)
        n = len(labels)
        found = [self.estimate("sum", value=float(v), n=n, unit="logits", at={"class": k}) for k, v in enumerate(total)]
        found += [self.estimate("low", value=float(v), n=n, unit="logits", at={"class": k}) for k, v in enumerate(low)]
        filled = int((tally.sums["logits"] != 0).any(1).sum())
        return Estimates((*found, self.estimate("blocks", value=filled, n=n, unit="count")))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        return ()

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        return ()

    def pictures(self, case: Kept) -> Mapping[str, View]:
        return {"image": Plain()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("toy"), IMAGES, [Toy()])


def logits() -> Array:
    import torch

    pixels = np.stack([np.asarray(IMAGES.source(i).open().picture) for i in range(len(IMAGES))])
    with torch.inference_mode():
        return TiredEye(5, 16)(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255).numpy()


def test_sums_add_over_shards(run: Run) -> None:
    total = logits().astype(np.float64).sum(0)
    np.testing.assert_allclose([e.value for e in run.estimates.of("sum")], total, rtol=1e-4)
    blocks = run.estimates.one("blocks")
    assert blocks is not None
    assert blocks.value == len({block_of(i) for i in IMAGES.ids}) <= BLOCKS


def test_kept_cases_are_the_best_of_all_with_ties_by_id(run: Run) -> None:
    values = logits()
    scores = np.round(values[:, 0].astype(np.float64)).clip(0, 2)
    expected = []
    for k in np.unique(values.argmax(1)):
        rivals = sorted((-scores[i], IMAGES.ids[i]) for i in np.flatnonzero(values.argmax(1) == k))
        expected += [(f"class {k}", -score, image) for score, image in rivals[:BEST]]
    found = run.kept("eye", "toy")
    assert [(c.key, c.score, c.id) for c in found] == sorted(expected, key=lambda e: (e[0], -e[1], e[2]))
    assert len(found) > BEST
    assert all(set(c.pictures) == {"image"} for c in found)


def test_the_second_stage_follows_from_the_first(run: Run) -> None:
    assert len({path.parent.name for path in manifests(Path(run.path))}) == 2
    assert len(run.estimates.of("low")) == 4
    assert run.rows("toy")["number"].to_pylist() == [int(i[-5:]) for i in run.rows("toy")["id"].to_pylist()]


@pytest.mark.parametrize("stage", [0, 1])
def test_a_stage_that_lost_a_shard_resumes(tmp_path: Path, run: Run, stage: int) -> None:
    small_run(tmp_path, IMAGES, [Toy()])
    stages = sorted({p.parent for p in manifests(tmp_path)}, key=lambda p: p.stat().st_mtime_ns)
    manifests(tmp_path)
    lost = sorted(stages[stage].glob("*.manifest.json"))[1]
    lost.unlink()
    counting = Counting()
    again = small_run(tmp_path, IMAGES, [Toy()], reporter=counting)
    assert counting.forwards == SHARD * (1 + stage)
    assert_alike(again, run)


def test_no_shards_is_the_same_as_many(tmp_path: Path, run: Run) -> None:
    from eyechart.examination import examine
    from small_run import eye

    assert_alike(examine(eye(), IMAGES, [Toy()], out=tmp_path, workers=0), run)


def test_a_query_of_two_exams_is_run_once(tmp_path: Path) -> None:
    counting = Counting()
    small_run(tmp_path, IMAGES, [Clean(), Toy()], reporter=counting)
    assert counting.forwards == counting.announced == len(IMAGES) * (1 + 2)  # the clean pass is one for both


def test_a_net_sees_no_more_frames_than_are_announced(tmp_path: Path) -> None:
    from eyes import seen_by

    seen: list[int] = []

    class Watched(TiredEye):
        def forward(self, x):  # type: ignore[no-untyped-def]
            seen.append(len(x))
            return super().forward(x)

    model = seen_by(Watched(5, 16), name="eye")
    seen.clear()
    counting = Counting()
    small_run(tmp_path, IMAGES, [Clean(), Toy()], model=model, reporter=counting, batch_size=16)
    trial = 2 * 16 * 2  # each stage times a forward
    assert counting.forwards <= sum(seen) <= counting.forwards + trial
