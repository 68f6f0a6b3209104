"""Does a model answer by shape or by texture? (Geirhos et al., ICLR 2019)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import View
from eyechart.errors import SettingError
from eyechart.exams.shape_bias_estimates import Reckoning, fates, gap
from eyechart.exams.shape_bias_findings import NAMING, findings
from eyechart.exams.shape_bias_pictures import charts
from eyechart.exams.shape_bias_rows import CONFLICT, NO_STIMULUS, Stimuli, answer_rows, cases, strangers
from eyechart.images.categories import Categories, Rule
from eyechart.images.category_file import BUILT_IN, CategoryError, Table, as_table, categories_for, read_category_file
from eyechart.images.cues import read_cues
from eyechart.images.image_set import ImageSet
from eyechart.spectrum.grid import radius_map
from eyechart.views.bands import Band, Side
from eyechart.views.whole import Whole

SETTING = "shape_bias.categories"
WORDNET = re.compile(r"n[0-9]{8}")
SIDES: tuple[Side, Side] = ("low", "high")


class ShapeBias(Exam):
    """Which cue wins on images with the shape of one category in the texture of another (Geirhos et al., ICLR 2019).

    Stimuli are images named as theirs, ``cat/cat7-elephant1.png``: shape cat (object 7) in texture elephant (sample 1), with a
    third part of digits (``-108``) or without; other names are not read. Or images with columns shape and texture (and content,
    style: which object, which sample), see --labels. Each is shown whole in the model's frame: as it is where sizes agree, else
    resized without a crop (bicubic). The model's outputs are summed up to categories (arXiv 1808.08750: 16 of ImageNet, 207
    outputs), and one is its answer, by {aggregation: mean | sum | max} of the probabilities of their outputs, or that of its
    top output (strict; other where that belongs to none). Stimuli whose cues agree, or name a category that the model lacks,
    are counted and left out.

    Measures at {aggregation}; by the chosen one, for each of ``radii``, also at {aggregation, band: low | high, radius,
    radius_nyquist}, of the part of the images with D <= radius cycles per image, and of the rest:
        shape_bias: of the answers that name shape or texture, the share that names the shape; n counts these answers.
        shape_bias_wilson: the same, with Wilson's interval: as if images were independent, so a least width.
        either_cue_accuracy: share of answers that name shape or texture.
        shape_accuracy, texture_accuracy, other_share: shares of answers that name the shape, the texture, neither.
        answers {answer: shape | texture | other}: their numbers.
        accuracy_by_chance {cue: shape | texture}, of whole images: share of them on which the same answers, dealt to them at
            random, would name the cue.
    For the chosen aggregation, by {category} of the shape: category_shape_bias, category_either_cue_accuracy,
        category_shape_accuracy, category_texture_accuracy, category_other_share.
    Among all outputs (after REFINED-BIAS, arXiv 2603.10834: a ratio over 16 categories hides how well a cue is seen at all):
        reciprocal_rank {cue: shape | texture}: mean of 1 / rank of the best of the cue's outputs, also by band.
        reciprocal_rank_gap: that of the shape minus that of the texture.
        reciprocal_rank_by_chance {cue}: its mean over all orders of the outputs.
    With radii, for the chosen aggregation:
        band_gap {cue, radius, radius_nyquist}: share of answers that name the cue on the low part minus that on the high part.
        crossover_radius {cue}: the radius from which on the low part names the cue at least as often as the high part, linear
            between radii, in cycles per image; crossover_radius_nyquist: as a share of n/2. The finer the detail that the cue
            lives in, the larger. Two radii or more; undefined where the two do not cross within them; intervals end there.
        crossover_radius_gap: that of the texture minus that of the shape; above 0, texture lives in finer detail.
    shape_bias_gap {less: model}, by the chosen aggregation: where several models with the same categories sit the exam, the
        bias less that of another, on the same resampled contents and textures.
    stimuli {fate: conflict | agreeing | absent | no_stimulus}: numbers of images; conflict alone counts above. A shape or
        texture called after an output of a category, or by its WordNet id (n02123045), is of that category.

    Intervals resample contents and styles (crossed bootstrap), since images that share one are not independent; Wilson's takes
    over where that says nothing, its n the number of contents or of styles, whichever is less. A shape bias of fewer than five
    answers says in its reason that it is not reliable; of none it is undefined.

    Rows: ``fate`` (0 conflict, 1 agreeing, 2 absent, 3 no stimulus), ``shape``, ``texture`` (places in the alphabetical list of
    the model's categories, -1 = none), ``content``, ``style`` (hashes of their names); and, an entry for each view (whole,
    then low and high at each radius), ``top1``, ``answer_mean``, ``answer_sum``, ``answer_max``, ``answer_strict`` (places of
    categories, -1 = other), ``scores_mean``, ``scores_sum``, ``scores_max`` (logs, of all categories view by view),
    ``rank_shape``, ``rank_texture`` (among all outputs; 0 = not asked).

    Kept: the clearest answers for the texture, the shape and neither; the stimuli that everybody knows (cats in the texture of
    elephants, cars in that of clocks, bears in that of bottles); and some whatever the answer, by their names alone.
    """

    name: ClassVar[str] = "shape_bias"
    headline: ClassVar[tuple[str, ...]] = ("shape_bias", "either_cue_accuracy", "reciprocal_rank", "crossover_radius")
    title: ClassVar[str] = "Texture or shape"
    explanation: ClassVar[str] = (
        "Each picture has the shape of one thing and the surface of another: a cat in the skin of an elephant. People answer "
        "by the shape; a model that says elephant recognises surfaces, and may be lost where they change."
    )
    own_targets: ClassVar[bool] = True
    version: ClassVar[int] = (
        4  # 1 kept cases under other keys; 2 knew no category by its outputs' names; 3 none by WordNet ids
    )

    categories: Literal["auto", "imagenet16", "cifar10"] | Table = Field(
        "auto",
        description="auto, imagenet16, cifar10, or a TOML FILE: [categories] name = [outputs by number or name].",
    )
    aggregation: Rule = Field("mean", description="mean, sum, max or strict: by what findings and figures go.")
    radii: tuple[float, ...] = Field(
        (), description="Cycles per image: ask also about low and high bands (two forwards more for each)."
    )
    gallery: int = Field(6, ge=0, description="Cases kept of each kind.")

    @field_validator("categories", mode="before")
    @classmethod
    def _with_content(cls, wish: object) -> object:
        """A file is read at once: its content is the setting, so that a changed file is another exam."""
        if wish == "auto" or wish in BUILT_IN:
            return wish
        return read_category_file(wish, SETTING) if isinstance(wish, str) else as_table(wish, SETTING)

    @field_validator("radii")
    @classmethod
    def _distinct_radii(cls, radii: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(radii)) < len(radii) or any(r <= 0 for r in radii):
            raise ValueError("give radii above 0, all different")
        return tuple(sorted(radii))

    def unsuited(self, subject: Subject, images: ImageSet) -> str:
        """Images without cues, or of none of the model's categories."""
        try:
            known = self._categories(subject)
        except CategoryError as error:
            return str(error).rstrip(".")
        cues = read_cues(images.ids, images.targets)
        found = Stimuli.of(images.ids, cues, known).fates
        if (found == NO_STIMULUS).all():
            return f"the images are no cue-conflict stimuli: {NAMING}"
        if not (found == CONFLICT).any():
            some = strangers(cues, known)
            others = f"; images are called {', '.join(some)}" if some else ""
            if any(WORDNET.fullmatch(name) for name in some) and not subject.class_ids:
                others += ": WordNet ids, which this model's outputs lack"
            return f"no image has shape and texture of two of the model's categories ({', '.join(known.names)}){others}"
        return ""

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The whole pictures, and their bands if radii are given."""
        if so_far:
            return None
        self._check_radii(subject)
        if not isinstance(self.categories, str):
            self._categories(subject)  # so that a mapping that does not fit is an error, and not a reason to skip
        return tuple(Query(view) for view in self._views())

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, entries per view."""
        known = self._known(batch.subject)
        stimuli = Stimuli.of(batch.ids, read_cues(batch.ids, batch.targets), known)
        if known is None:
            return Tally(stimuli.rows)
        said = [answers[Query(view)] for view in self._views()]
        kept = cases(stimuli, known, said[0], self.aggregation, batch.subject)
        rows = {**stimuli.rows, **answer_rows(stimuli, known, said)}
        return Tally(rows, {}, best(self.gallery, kept), self.gallery)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Shares, ranks and counts."""
        counted, known = fates(self.estimate, tally.rows), self._known(subject)
        if known is None:
            return Estimates(counted)
        at = [self._at(view, subject) for view in self._views()]
        found = Reckoning(self.estimate, tally.rows, at, self.aggregation, known, subject.n_classes)
        return Estimates((*found.estimates(), *counted))

    def estimates_against(self, tally: Tally, other: Tally, subject: Subject, opponent: Subject) -> Estimates:
        """The difference of two biases, of models with the same categories."""
        known, theirs = self._known(subject), self._known(opponent)
        if known is None or theirs is None or known.names != theirs.names:
            return Estimates()
        return Estimates([gap(self.estimate, tally.rows, other.rows, self.aggregation)])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Pictures with answers, categories, aggregations, ranks, bands."""
        return charts(estimates, self.aggregation)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which cue wins, and how far that can be relied on."""
        return findings(estimates, self.aggregation)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """What the model was shown."""
        return {"whole": Whole()}

    def _check_radii(self, subject: Subject) -> None:
        """Raise SettingError for a radius above which the frame has no waves, so that the fine part would be empty."""
        corner = float(radius_map(*subject.size).max())
        if self.radii and self.radii[-1] >= corner:
            height, width = subject.size
            raise SettingError(
                f"Nothing in a frame of {width} x {height} pixels is finer than {corner:.4g} cycles per image.",
                setting="shape_bias.radii",
                value=self.radii[-1],
                way_out=f"Give radii below {corner:.4g}.",
            )

    def _views(self) -> tuple[View, ...]:
        bands = (Whole().then(Band(side, radius)) for radius in self.radii for side in SIDES)
        return (Whole(), *bands)

    def _at(self, view: View, subject: Subject) -> dict[str, Any]:
        band = getattr(view, "steps", (None,))[-1]
        if not isinstance(band, Band):
            return {}
        radius = {"radius": band.radius, "radius_nyquist": band.radius / (max(subject.size) / 2)}
        return {"band": band.band, **radius}

    def _known(self, subject: Subject) -> Categories | None:
        try:
            return self._categories(subject)
        except CategoryError:
            return None

    def _categories(self, subject: Subject) -> Categories:
        return categories_for(self.categories, subject.class_names, subject.n_classes, SETTING, subject.class_ids)
