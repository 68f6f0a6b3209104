"""Exams that count by the model's own classes and, where they are known, by coarse categories."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from eyechart.core.estimate import Estimates
from eyechart.core.exam import Exam, Subject
from eyechart.images.categories import Categories, Rule
from eyechart.images.category_labels import Wish, as_wish, categories_or_none

CLASSES = {"own": "the model's own classes", "categories": "categories"}
EXPLAINED = (
    "Categories are coarse classes: all of the model's outputs that stand for dogs count as dog. For ImageNet they are the 16 "
    "of Geirhos et al. unless set otherwise; images of no category are left out."
)


class ByCategory(Exam):
    """An exam with measures at {classes: own | categories}: own, by the model's own classes; categories, by ``categories``."""

    own_targets: ClassVar[bool] = True

    categories: Wish = Field(
        "auto",
        description="auto, imagenet16, cifar10, or a TOML FILE: [categories] name = [outputs by number or name].",
    )
    aggregation: Rule = Field("mean", description="mean, sum, max or strict: how outputs make a category's score.")

    @field_validator("categories", mode="before")
    @classmethod
    def _with_content(cls, wish: object) -> object:
        return as_wish(wish, f"{cls.name}.categories")

    def known(self, subject: Subject) -> Categories | None:
        """The categories of the model's outputs; None where ``auto`` knows none. Raises CategoryError for any other wish."""
        return categories_or_none(self.categories, subject.class_names, subject.n_classes, f"{self.name}.categories")


def explained(caption: str, estimates: Estimates) -> str:
    """A caption, and what categories are where figures go by them."""
    by_categories = any(e.at.get("classes") == "categories" for e in estimates)
    return f"{caption} {EXPLAINED}" if by_categories else caption
