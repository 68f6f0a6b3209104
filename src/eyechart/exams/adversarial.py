"""How small a change, made for the purpose, costs the model its answer; and whether that figure can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import Plain, View
from eyechart.exams.adversarial_cases import smallest_cases
from eyechart.exams.adversarial_estimates import Reckoning
from eyechart.exams.adversarial_layout import NAMES, STEPS, Layout, Name, size_of, sizes_for
from eyechart.exams.adversarial_pictures import charts
from eyechart.exams.adversarial_rows import dissected, distances, fates, manners, spectra, transferred
from eyechart.exams.adversarial_words import findings
from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.transfer import Surrogate
from eyechart.views.perturbations import Enlarged, SpectrumOfChange

SMALL = 64  # pixels: frames up to here are cheap
MANY, FEW = 500, 64  # images, on small frames and on larger ones
Size = Annotated[float, BeforeValidator(size_of)]  # 8/255, too


class Adversarial(Exam):
    """Accuracy under small changes that are searched for on this very model, and checks of whether the search was fair.

    Changes are made in the model's frame, to values from 0 to 1 before normalisation, stay within eps of the image in the
    norm, and are clipped to [0, 1]. Images that the model gets wrong as they are count as lost without an attack. A change
    counts if the model is wrong on it in float32 in the search, and again in a pass of its own beside other images. These are
    upper bounds of robust accuracy: what no attack found may be there all the same.

    Attacks, each on all right images by itself (``attacks``; in brackets its name as a coordinate):
        always: random noise of the same size [noise], the control.
        fgsm: one step of length eps (Goodfellow et al., ICLR 2015) [fgsm].
        pgd: steps of 2.5 eps / steps up the cross-entropy from a random start, the first wrong point (Madry et al., ICLR 2018)
            [pgd]; at the size ``at`` also up the margin [margin], and at a size of 0.5 (l2: 0.5 of the root of the number of
            values) from the image itself [huge].
        short: APGD up the cross-entropy, then, on what withstood, towards the three likeliest other classes, 20 steps each
            (AutoAttack-like: two of the four attacks of Croce & Hein, ICML 2020, cut short) [short].
        square: random search that follows no gradient, ``queries`` long (Andriushchenko et al., ECCV 2020), at ``at`` [square].
        standard: the four attacks of AutoAttack in full, at ``at``: some 5,000 to 15,000 passes for an image that withstands
            [standard; with fewer than 10 classes, which allow no nine targets, full].
        minimal: the smallest change, by PGD in ever closer balls, up to 4 times the largest size; told to about a sixteenth of
            the gap between neighbouring sizes.
        bands: ten PGD steps from the image itself, to the end [direct], whose changes are taken apart; at ``at`` also changes
            with only coarse [low] or only fine [high] waves, D <= radius or above.
        transfer: with ``surrogate``, PGD on that other model, to the end, shown to this one [transfer].
    On models without gradients only noise and square find anything; checks say so.

    Measures, at {eps} (size, in [0, 1]; l2 by default 1/8, 1/4, 1/2, 1 at 32 x 32 pixels, as many times more as the root of
    the number of pixels is) unless said otherwise:
        clean_accuracy {chance}: share of images right as they are; what guessing gives.
        robust_accuracy {attack, eps}: share of all images right under an attack; attack all: under everything that was
            tried within that size or a smaller one, noise included.
        median_distance (no coordinates): median size of the smallest change found, over right images (infinite where there is
            none); interval from order statistics.
        minimal_curve: share of all images right as they are for which no change up to eps was found by minimal.
        transfer_success, surrogate_success {eps, surrogate}: of the images that both models get right as they are, the share
            that changes made on the surrogate cost this model, and the surrogate itself.
        part_success {part: low | high, eps, radius, radius_nyquist}: of right images lost to direct, the share that is lost to
            one part of the change alone: its waves with D <= radius, or the rest.
        repaired {eps, radius, radius_nyquist}: of those images, the share that is right when the changed picture is low-passed.
        filtered_accuracy {eps, radius, radius_nyquist}: share of all images right then. No robust accuracy of a model with a
            filter, which must be attacked through it.
        through_accuracy {eps, radius, radius_nyquist}: the same when PGD attacks that low-pass and the model as one, at ``at``.
        low_pass_cost {radius, radius_nyquist}: accuracy lost by that low-pass on images as they are, paired.
        change_beyond {eps, radius, radius_nyquist}, change_beyond_head {eps}: share of the energy of changes (summed over
            channels) beyond a radius, or beyond the image's own head (which holds 80 % of its grey picture's power without zero
            frequency); mean over right images lost to direct.
        image_beyond, image_beyond_head, frequencies_beyond {radius, radius_nyquist}: the same of the images' own power, and of
            all frequencies, which white noise would have.
        ring_energy {eps, ring, radius, radius_nyquist}: mean energy of a wave on the ring ring <= D < ring + 1 by that of all
            waves, of those changes; 1 = even.
        flag {flag, status: pass | warn | fail | not checked, threshold}: what a check found; see docs/attacks.md.
        flags_failed, flags_warned: how many checks failed or ask for a look, of n that were made; eps is ``at``.

    Rows: ``image_top1``; whether an attack broke the image (and a second pass confirmed it) by size ``<attack>_broken``;
    ``unconfirmed`` (claims that were not), ``excess`` (largest size beyond eps and what rounding adds), ``nan`` (an answer
    was NaN under an attack), ``broken_by`` (which of AutoAttack's four at full length, from 0; -1 none), ``distance``
    (smallest change found and confirmed, NaN where there is none), ``distance_unconfirmed``; ``surrogate_right``, by size
    ``surrogate_broken``, ``low_part_broken``, ``high_part_broken``, ``filtered_right``; ``clean_filtered_right``,
    ``through_right``; ``rise`` (of the loss along direct, at ``at``); ``head_radius``; by radius, the head first,
    ``image_beyond`` and, by size and radius, ``change_beyond``; by size and ring ``change_rings`` (shares of energy); of the
    checkup ``looks_differ``, ``look_distance``, ``company``, ``differentiates``, ``zero_probability``, ``gradient_ce``,
    ``gradient_margin``, ``outside`` (see ``eyechart.views.attacks.checkup``).

    Kept: the images that fell to the smallest changes.
    """

    name: ClassVar[str] = "adversarial"
    headline: ClassVar[tuple[str, ...]] = ("robust_accuracy", "median_distance", "flags_failed")
    title: ClassVar[str] = "Changes made to mislead"
    explanation: ClassVar[str] = (
        "Each image is changed by a few brightness steps at most, not at random but in the direction that misleads this model. "
        "The checks say whether the search had a fair chance: a model on which it fails for want of a gradient is not safe."
    )
    needs_labels: ClassVar[bool] = True
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {"flag": ("status",)}

    norm: Norm = Field(
        "linf", description="Size of a change: linf (largest change of a value) or l2 (root of the sum of squares)."
    )
    eps: tuple[Size, ...] | None = Field(
        None,
        description='Sizes, of [0, 1]; text such as "8/255" is understood. Default: 1, 2, 4, 8 /255; l2: see Measures.',
    )
    at: Size | None = Field(
        None, gt=0, description="The one of them that checks and costly attacks are about; default the largest."
    )
    attacks: Annotated[tuple[Name, ...], Distinct] = Field(
        NAMES, min_length=1, description="Which, see Attacks. standard is AutoAttack standard, at one size: slow."
    )
    images: int | None = Field(
        None,
        ge=1,
        description="At most so many, the first of the seeded order; default 500, on frames above 64 pixels 64.",
    )
    steps: int = Field(20, ge=1, description="Of PGD.")
    queries: int = Field(100, ge=1, description="Of Square, which follows no gradient (published: 5000).")
    radius: float | None = Field(
        None, ge=0, description="That parts a change's coarse from its fine waves; default half of n/2."
    )
    surrogate: str | None = Field(
        None, description="Another model, as eyechart exam takes it: changes made on it are shown to this one."
    )
    surrogate_arch: str | None = Field(None, description="Its architecture, where it is a weights file.")
    gallery: int = Field(6, ge=0, description="Images whose change is shown.")

    @field_validator("eps")
    @classmethod
    def _rising(cls, eps: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if eps is not None and (not eps or len(set(eps)) < len(eps) or min(eps) <= 0):
            raise ValueError('give one size or more, all different and above 0, such as ["2/255", "8/255"]')
        return eps if eps is None else tuple(sorted(eps))

    @field_validator("surrogate")
    @classmethod
    def _marked(cls, surrogate: str | None) -> str | None:
        return None if surrogate is None else Surrogate.named(surrogate)

    @model_validator(mode="after")
    def _within(self) -> Adversarial:
        known = self.eps or (STEPS["linf"] if self.norm == "linf" else None)
        if self.norm == "linf" and known and known[-1] > 1:
            raise ValueError(
                "eps is a change of values from 0 to 1, so at most 1, which is 255/255: write 8/255, not 8"
            )
        if self.at is not None and (known is None or not any(isclose(self.at, eps) for eps in known)):
            raise ValueError("at is one of the sizes: name it in eps, too")
        if self.surrogate_arch and not self.surrogate:
            raise ValueError("an architecture belongs to a surrogate: name one, or leave surrogate_arch out")
        return self

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images or (MANY if max(subject.size) <= SMALL else FEW)

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image as it is, the checkup, and every attack."""
        return None if so_far else self._layout_for(subject).asked()

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image; an entry for each size where an attack is run at several."""
        layout, labels = self._layout_for(batch.subject), batch.labels
        rows: dict[str, Array] = {
            "image_top1": answers[CLEAN].top1.astype(np.int32),
            **manners(answers),
            **fates(answers, layout, labels),
            **dissected(answers, layout, labels),
            **spectra(answers, layout),
            **distances(answers, layout, labels),
            **transferred(answers, layout),
        }
        return Tally(rows, kept=best(self.gallery, smallest_cases(answers, layout, batch)), limit=self.gallery)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images with a label."""
        return Estimates(Reckoning.of(self.estimate, self._layout_for(subject), tally, labels, subject).estimates())

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy by size, the changes themselves, what they are made of, and the checks."""
        return charts(estimates, self.norm)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What a small change costs, and whether that can be believed."""
        return findings(estimates, self.norm, {"pgd": self.steps})

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image, the smallest change that cost the answer, and what that change is made of."""
        height, width = case.facts["frame"]
        seen = Subject((height, width), case.facts["classes"], channels=case.facts["channels"])
        changed = self._layout_for(seen).smallest
        if changed is None:
            return {}
        change, spectrum = changed.then(Enlarged()), changed.then(SpectrumOfChange())
        return {"image": Plain(), "attacked": changed, "change": change, "spectrum": spectrum}

    def _layout_for(self, subject: Subject) -> Layout:
        size = subject.size
        sizes = self.eps or sizes_for(self.norm, size)
        at = sizes[-1] if self.at is None else min(sizes, key=lambda eps: abs(eps - (self.at or 0)))
        radius = max(size) / 4 if self.radius is None else self.radius
        other = Surrogate(self.surrogate, self.surrogate_arch) if self.surrogate else None
        asked = self.norm, self.attacks, sizes, at, self.steps, self.queries, radius, other
        return Layout(size, subject.channels, subject.n_classes, *asked, subject.precision)
