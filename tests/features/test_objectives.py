"""Objectives are numbers that can be added, subtracted and weighed."""

from __future__ import annotations

import pytest
import torch

from eyechart.features.objectives import (
    Seen,
    alike,
    away_from,
    between,
    channel,
    cosine,
    direction,
    diversity,
    logit,
    neuron,
    total_variation,
    whole_layer,
)

torch.manual_seed(0)
MAPS = torch.randn(4, 5, 6, 6)
SEEN = Seen({"a": MAPS, "outputs": torch.randn(4, 7, 1, 1)}, torch.rand(4, 3, 8, 8))


def test_sums_and_multiples() -> None:
    a, b = channel("a", 1), neuron("a", 2)
    mixed = 2 * a + b - a
    torch.testing.assert_close(mixed.value(SEEN), a.value(SEEN) + b.value(SEEN))
    torch.testing.assert_close((a - 1.5).value(SEEN), a.value(SEEN) - 1.5)
    assert mixed.layers == ("a",)


def test_a_channel_is_the_mean_of_its_neurons() -> None:
    all_places = [neuron("a", 3, (y, x)).value(SEEN) for y in range(6) for x in range(6)]
    torch.testing.assert_close(channel("a", 3).value(SEEN), torch.stack(all_places).mean(0))
    torch.testing.assert_close(neuron("a", 3).value(SEEN), MAPS[:, 3, 3, 3])


def test_one_channel_for_each_picture() -> None:
    each = channel("a", (0, 4, 2, 2)).value(SEEN)
    torch.testing.assert_close(each, torch.stack([MAPS[0, 0], MAPS[1, 4], MAPS[2, 2], MAPS[3, 2]]).mean((1, 2)))
    with pytest.raises(ValueError, match="2 channels for 4 pictures"):
        channel("a", (0, 1)).value(SEEN)


def test_pictures_shown_in_several_ways_count_once() -> None:
    seen = Seen({"a": MAPS}, torch.rand(2, 3, 8, 8), ways=2)
    found = channel("a", (0, 1)).value(seen)
    torch.testing.assert_close(found, torch.stack([MAPS[:2, 0].mean(), MAPS[2:, 1].mean()]))


def test_directions() -> None:
    towards = torch.randn(5)
    plain = direction("a", towards, power=0).value(SEEN)
    torch.testing.assert_close(plain, torch.einsum("nchw,c->nhw", MAPS, towards).mean((1, 2)))
    same = Seen({"a": towards.view(1, 5, 1, 1).expand(1, 5, 2, 2) * 3}, torch.rand(1, 3, 8, 8))
    assert float(cosine("a", towards).value(same)) == pytest.approx(1)
    assert float(direction("a", towards).value(same)) == pytest.approx(3 * float(towards @ towards), rel=1e-4)


def test_classes() -> None:
    rows = SEEN.maps["outputs"][:, :, 0, 0]
    torch.testing.assert_close(logit(2).value(SEEN), rows[:, 2])
    others = torch.cat([rows[:, :2], rows[:, 3:]], 1).logsumexp(1)
    torch.testing.assert_close(logit(2, against=True).value(SEEN), rows[:, 2] - others)


def test_diversity_of_equal_pictures_is_minus_one() -> None:
    equal = Seen({"a": MAPS[:1].expand(2, -1, -1, -1)}, torch.rand(2, 3, 8, 8))
    torch.testing.assert_close(diversity("a").value(equal), -torch.ones(2))
    assert (diversity("a").value(SEEN) > -1).all()
    grouped = diversity("a", group=2).value(SEEN)
    torch.testing.assert_close(grouped[:2], diversity("a").value(Seen({"a": MAPS[:2]}, torch.rand(2, 3, 8, 8))))


def test_alike_is_zero_for_equal_pictures_and_coupled() -> None:
    x = torch.rand(1, 3, 8, 8).expand(3, -1, -1, -1)
    assert (alike().value(Seen({}, x)) == 0).all()
    assert (alike().value(SEEN) < 0).all()
    assert (channel("a", 0) + alike()).coupled
    assert not channel("a", 0).coupled


def test_from_one_to_another() -> None:
    found = between(channel("a", 0), channel("a", 1)).value(SEEN)
    torch.testing.assert_close(found[0], channel("a", 0).value(SEEN)[0])
    torch.testing.assert_close(found[-1], channel("a", 1).value(SEEN)[-1])


def test_penalties() -> None:
    flat = Seen({}, torch.full((1, 3, 4, 4), 0.3))
    assert float(total_variation().value(flat)) == 0
    assert float(away_from(torch.full((1, 3, 4, 4), 0.8)).value(flat)) == pytest.approx(0.25)
    torch.testing.assert_close(whole_layer("a").value(SEEN), MAPS.square().mean((1, 2, 3)))
