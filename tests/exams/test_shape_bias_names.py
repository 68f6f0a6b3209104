"""Which category a shape or a texture is of where it is called after an output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eyechart.exams.shape_bias import ShapeBias
from eyechart.exams.shape_bias_rows import ABSENT, AGREEING, CONFLICT, NO_STIMULUS, Stimuli
from eyechart.images.arrays import array_set
from eyechart.images.category_file import categories_for
from eyechart.images.cues import read_cues
from eyes import one, sitting
from eyes_cues import cue_eye, cue_pictures, pairs, stimuli


def test_a_shape_may_be_called_after_an_output_of_a_category() -> None:
    known = categories_for(
        "auto", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"), 10
    )
    ids = ["automobile1-cat1.png", "frog1-cat1.png", "x.png"]
    found = Stimuli.of(ids, read_cues(ids, {}), known)
    assert found.fates.tolist() == [CONFLICT, ABSENT, NO_STIMULUS]
    same = read_cues(["a.png"], {"shape": np.array(["ship"]), "texture": np.array(["boat"])})
    assert Stimuli.of(["a.png"], same, known).fates.tolist() == [AGREEING]


IDS = tuple(f"n0{k:07d}" for k in range(17))


def test_a_shape_may_be_called_by_the_wordnet_id_of_an_output() -> None:
    named = tuple(f"{IDS[s]}{k}-{IDS[t]}{k}.png" for k, (s, t) in enumerate(zip(*pairs(), strict=True)))
    images = array_set("ids", cue_pictures(*pairs()), named, {}, ())
    exam = ShapeBias()
    knowing = replace(cue_eye("texture"), class_ids=IDS)
    found = sitting(exam, knowing, images).estimates
    assert one(found, "stimuli", fate="conflict").value == 240
    assert one(found, "texture_accuracy", aggregation="mean").value == 1.0
    unknown = sitting(exam, cue_eye("texture"), stimuli()).subject
    reason = exam.unsuited(unknown, images)
    assert "images are called n00000000, n00000001, n00000002: WordNet ids, which this model's outputs lack" in reason


def test_ids_in_columns_and_names_with_hyphens() -> None:
    known = categories_for((("polar bear", (0,)), ("cat", (1, 2))), (), 3, class_ids=IDS[:3])
    columns = {"shape": np.array(["Polar-Bear", IDS[2]]), "texture": np.array([IDS[1], "polar_bear"])}
    assert Stimuli.of(["a", "b"], read_cues(["a", "b"], columns), known).shapes.tolist() == [1, 0]
    assert Stimuli.of(["a", "b"], read_cues(["a", "b"], columns), known).fates.tolist() == [CONFLICT, CONFLICT]


def test_what_names_are_read_is_told() -> None:
    images = array_set("styles", cue_pictures(*pairs())[:2], ("cat7-elephant1-bold.png", "cat7-dog1-x2.png"), {}, ())
    exam, subject = ShapeBias(), sitting(ShapeBias(), cue_eye("shape"), stimuli()).subject
    assert "a third part may hold digits alone" in exam.unsuited(subject, images)
    assert "third part of digits" in (ShapeBias.__doc__ or "")
