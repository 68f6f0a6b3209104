"""Which category a shape or a texture is of where it is called after an output."""

from __future__ import annotations

import numpy as np

from eyechart.exams.shape_bias_rows import ABSENT, AGREEING, CONFLICT, NO_STIMULUS, Stimuli
from eyechart.images.category_file import categories_for
from eyechart.images.cues import read_cues


def test_a_shape_may_be_called_after_an_output_of_a_category() -> None:
    known = categories_for(
        "auto", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"), 10
    )
    ids = ["automobile1-cat1.png", "frog1-cat1.png", "x.png"]
    found = Stimuli.of(ids, read_cues(ids, {}), known)
    assert found.fates.tolist() == [CONFLICT, ABSENT, NO_STIMULUS]
    same = read_cues(["a.png"], {"shape": np.array(["ship"]), "texture": np.array(["boat"])})
    assert Stimuli.of(["a.png"], same, known).fates.tolist() == [AGREEING]
