"""Parts of a set: no image in both, classes in proportion, another fingerprint."""

from __future__ import annotations

import numpy as np

from eyechart.images.part import part_of, split
from eyes import image_set, noise_images


def test_two_parts_share_no_image() -> None:
    labels = np.repeat([0, 1], [30, 10])
    whole = image_set(noise_images(40, 8), labels)
    first, rest = split(whole, 8)
    assert len(first) == 8
    assert {*first.ids} | {*rest.ids} == {*whole.ids}
    assert not {*first.ids} & {*rest.ids}
    assert (first.labels == 0).sum() == 6
    assert len({whole.fingerprint, first.fingerprint, rest.fingerprint}) == 3
    assert split(whole, 8)[0].fingerprint == first.fingerprint
    at = whole.ids.index(rest.ids[3])
    assert rest.source(3).open().picture.tobytes() == whole.source(at).open().picture.tobytes()
    assert rest.labels[3] == labels[at]
    assert rest.in_memory == whole.in_memory
    assert len(part_of(whole, [])) == 0
