"""Why exams cannot be run on a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.exam import Exam
from eyechart.core.query import Query
from eyechart.core.tap import SlopeTap
from eyechart.errors import EyechartError
from eyechart.run.altered import can_alter
from eyechart.run.engine import Engine


def obstacles(
    exams: Sequence[Exam], engines: Sequence[Engine], asked: Sequence[Exam], beside: bool
) -> dict[tuple[Exam, Engine], str]:
    """For each exam and model (with its images) the reason why the exam is skipped there; empty where it is not.

    ``beside``: training images are given.

    Raises:
        EyechartError: a setting of an exam that is ``asked`` for fits none of the models.
    """
    found: dict[tuple[Exam, Engine], str] = {}
    for exam in exams:
        errors = []
        for engine in engines:
            try:
                found[exam, engine] = next(_obstacles(exam, engine, beside), "")
            except EyechartError as error:  # such as a layer that other models have
                errors.append(error)
                found[exam, engine] = str(error).rstrip(".")
        if errors and exam in asked and all(found[exam, engine] for engine in engines):
            raise errors[0]
    return found


def _obstacles(exam: Exam, engine: Engine, beside: bool) -> Iterator[str]:
    if engine.model.kind not in exam.answers:
        if engine.model.kind == "none":
            yield "it needs a model"
        else:
            wanted = " or ".join(kind for kind in exam.answers if kind != "none")
            yield f"it needs a model that answers {wanted}, this one answers with an {engine.model.kind}"
        return
    if not (exam.asks or engine.subject.weights):
        yield "it looks at weights, and this model shows none"
    if exam.needs_training and not beside:
        yield "it compares with training images: give --train-images"
    queries = exam.ask(engine.subject, ()) or ()
    gradients = any(query.reading == "gradient" for query in queries)
    if (exam.needs_labels or gradients) and not engine.subject.labelled:
        yield "the images have no labels: give class folders or --labels"
    if not _can_alter(exam, engine, queries):
        yield "it changes weights that cannot be found in this model"
    if reason := exam.unsuited(engine.subject, engine.images):
        yield reason
    if any(query.tap for query in queries) and not engine.subject.layers:
        yield "it reads layers, and this model cannot be watched while it answers"
    if (gradients or any(isinstance(query.tap, SlopeTap) for query in queries)) and not engine.differentiable:
        yield "it needs gradients, which this model does not have"


def _can_alter(exam: Exam, engine: Engine, queries: Sequence[Query]) -> bool:
    """Whether the model has the weights that the queries change."""
    weights = dict.fromkeys(query.weights for query in queries if query.weights is not None)
    try:
        return all(can_alter(engine.model, one) for one in weights)
    except EyechartError:  # such as a file that is gone: what is finished needs it no more
        if not engine.finished(exam):
            raise
        return True
    finally:
        for kind in {type(one) for one in weights}:
            kind.let_go()
