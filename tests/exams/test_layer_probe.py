"""Probes of layers: against sklearn-free transcriptions, nets that are blind to shifts, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.exams.layer_probe import LayerProbe
from eyechart.stats.probe import cross_fitted
from eyes import Sitting, image_set, noise_images, one, plain_images, seen_by, sitting

SIZE = 16


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.act = nn.Conv2d(3, 5, 3, 2, 1), nn.ReLU()
        self.two, self.end, self.head = nn.Conv2d(5, 6, 3, 2, 1), nn.ReLU(), nn.Linear(6, 3)

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        act = self.act(self.one(x))
        return {"act": act, "end": self.end(self.two(act))}

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(x)["end"].mean((2, 3)))


def pictures(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noise, tinted by the label."""
    tint = plain_images(labels, SIZE).astype(float)
    return np.rint(0.2 * tint + 0.8 * noise_images(len(labels), SIZE, seed)).astype(np.uint8)


def sat(labels: np.ndarray, net: nn.Module | None = None, **settings: object) -> Sitting:
    model = seen_by((net or Small()).eval(), SIZE)
    return sitting(LayerProbe(**settings), model, image_set(pictures(labels), labels))


LABELS = np.arange(36) % 3


@pytest.mark.parametrize("protocol", ["crop", "embed_black"])
def test_figures_are_those_of_probes_fitted_by_hand(protocol: str) -> None:
    of = sat(LABELS, protocol=protocol)
    found, rows = of.estimates, of.whole.rows
    assert [e.at["layer"] for e in found.of("p_top1_change", given="all")] == ["act", "end", "network"]
    frames = torch.from_numpy(pictures(LABELS)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        maps = Small().eval().maps(frames)
    means = np.concatenate([maps[name].mean((2, 3)).numpy() for name in ("act", "end")], 1)
    np.testing.assert_allclose(rows["clean"], means, atol=1e-5)
    for name, columns in (("act", slice(0, 5)), ("end", slice(5, 11))):
        shown = [rows[f][:, columns].astype(float) for f in ("clean", "frame1", "frame2")]
        clean, (first, second) = cross_fitted(shown[0], LABELS, shown[1:])
        tops = [x.argmax(1) for x in (clean, first, second)]
        right = tops[0] == LABELS
        changed = tops[1] != tops[2]
        assert one(found, "accuracy", layer=name, frame="clean").value == pytest.approx(right.mean())
        assert one(found, "accuracy", layer=name, frame="frame2").value == pytest.approx((tops[2] == LABELS).mean())
        assert one(found, "p_top1_change", layer=name, given="all").value == pytest.approx(changed.mean())
        assert one(found, "p_top1_change", layer=name, given="correct").value == pytest.approx(changed[right].mean())
        at = np.arange(len(LABELS)), tops[1]
        moved = np.abs(np.exp(first[at]) - np.exp(second[at]))
        assert one(found, "mean_absolute_change", layer=name, given="all").value == pytest.approx(moved.mean())
    assert (
        one(found, "p_top1_change", layer="network", given="all").value
        == (rows["top1"][:, 1] != rows["top1"][:, 2]).mean()
    )
    for measure, layer in (("first_layer_change", "act"), ("last_layer_change", "end")):
        for given in ("all", "correct"):
            assert one(found, measure, given=given).value == one(found, "p_top1_change", layer=layer, given=given).value
    told = " ".join(finding.sentence for finding in LayerProbe().findings(found))
    assert f"n = {len(LABELS)} images" in told
    assert "not the" not in told
    assert LayerProbe().charts(found)


def test_layers_that_no_probe_reads_say_why() -> None:
    found = sat(LABELS, layers=("act", "head")).estimates
    assert "mean()" in one(found, "p_top1_change", layer="head").reason
    assert one(found, "p_top1_change", layer="act", given="all").value is not None


def test_probes_find_what_is_there() -> None:
    found = sat(np.arange(90) % 3).estimates
    assert one(found, "accuracy", layer="act", frame="clean").value > 0.9  # type: ignore[operator]


class Blind(nn.Module):
    """Stride 1, circular padding: means over its maps do not move with an embedded picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act = nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular"), nn.ReLU()
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.conv(x)).mean((2, 3)))


def test_a_layer_that_is_blind_to_shifts_never_changes() -> None:
    found = sat(LABELS, Blind(), protocol="embed_black").estimates
    assert {e.value for e in found.of("p_top1_change")} == {0.0}
    assert all(e.value < 1e-5 for e in found.of("mean_absolute_change"))  # type: ignore[operator]


def test_classes_of_few_images_are_left_out_or_refused() -> None:
    labels = np.array([0] * 8 + [1] * 8 + [2] * 4)
    found = sat(labels).estimates
    assert {e.n for e in found.of("p_top1_change", given="all")} == {16}
    assert [one(found, "classes", part=part).value for part in ("probed", "left_out", "network")] == [2, 1, 3]
    told = " ".join(finding.sentence for finding in LayerProbe().findings(found))
    assert "n = 16 images" in told
    assert "2 classes" in told
    assert "1 with fewer images" in told
    assert "all its 3 classes and not the 2 probed" in told
    refused = sat(np.arange(12) % 3).estimates
    assert len(refused) == 1
    assert "5 images" in refused[0].reason
    assert "4" in refused[0].reason
    assert "No probe" in LayerProbe().findings(refused)[0].sentence


def test_images_without_label_have_no_part() -> None:
    labels = np.where(np.arange(40) % 4 == 3, -1, np.arange(40) % 4)
    found = sat(labels).estimates
    assert {e.n for e in found.of("p_top1_change", given="all")} == {30}
