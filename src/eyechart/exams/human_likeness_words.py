"""Plain words of the human_likeness exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimates
from eyechart.core.words import number, percent
from eyechart.exams.human_likeness_pictures import MODEL, PEOPLE

OTHER_THINGS = (
    "It goes by other things than people do: ask whether by texture (shape_bias, hybrids) and at which detail (bands) before "
    "you rely on it where people check its work."
)
TOO_SURE = (
    "It is surer than people: train on shares of people's answers instead of single labels, or on mixed images (mixup), or "
    "divide the logits by a temperature above 1, chosen on held-out images; then ask again."
)
TOO_UNSURE = (
    "It doubts more than people: divide the logits by a temperature below 1, chosen on held-out images, and see whether more "
    "training or a larger net leaves less to doubt; then ask again."
)
MATCH = "Check that row r belongs to the image numbered r, and name the columns with human_likeness.classes."
HALF = 0.5  # labels that most people contradict are a sign of rows or columns that do not match (ours)
ELSEWHERE = (
    "Look at images of which people are sure and it is not, and the other way round; train on people's shares there."
)


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Whose errors it shares; whether it answers as people, and doubts where they do; what cannot be told."""
    found = [*_errors(estimates), *_answers(estimates)]
    if not found:
        return [Finding("note", "No answers of people were given, so that nothing can be said of their likeness.")]
    return found


def _errors(estimates: Estimates) -> Iterator[Finding]:
    own, among = (estimates.one("mean_error_consistency", of=name) for name in (MODEL, PEOPLE))
    if own is None:
        return
    told = f"With people it shares errors to an error consistency of {number(own)}"
    if own.value is None:
        yield Finding("note", f"Whether it errs as people do cannot be told: {own.reason}.")
    elif among is None or among.value is None:
        yield Finding("note", f"{told} (0 is chance); there are no two people to say how much could be asked of it.")
    else:
        yield _beside_people(f"{told}; people among themselves {number(among)}", estimates)
    left_out = sum(int(e.value or 0) for e in estimates.of("undefined_pairs"))
    if left_out:
        pairs = "1 pair" if left_out == 1 else f"{left_out} pairs"
        yield Finding(
            "note", f"For {pairs} kappa says nothing, as one was always right or always wrong: means leave them out."
        )


def _beside_people(told: str, estimates: Estimates) -> Finding:
    gap = estimates.one("error_consistency_gap")
    if gap is None or gap.value is None or gap.low is None or gap.high is None:
        return Finding("note", f"{told}.")
    told = f"{told}, a difference of {number(gap)}"
    if gap.high < 0:
        return _below_people(told, estimates)
    if gap.low > 0:
        return Finding("strong", f"{told}: its errors are closer to those of people than theirs to each other.")
    return Finding("note", f"{told}: no difference is shown.")


def _below_people(told: str, estimates: Estimates) -> Finding:
    """Because of its accuracy, or more than that?"""
    among = estimates.one("mean_error_consistency", of=PEOPLE)
    highest = [e.value for e in estimates.of("error_consistency_highest") if e.value is not None]
    most = sum(highest) / len(highest) if highest else 1.0
    if among is not None and most < (among.value or 0.0):
        return Finding("note", f"{told}; accuracies so far apart allow no more than {most:.2f}.")
    return Finding("weak", f"{told}: it errs on other images than people do.", OTHER_THINGS)


def _answers(estimates: Estimates) -> Iterator[Finding]:
    agreed = estimates.one("people_agreement", answer=MODEL)
    if agreed is None:
        return
    if agreed.value is None:
        yield Finding("note", f"Whether it answers as people do cannot be told: {agreed.reason}.")
        return
    label = estimates.one("people_agreement", answer="label")
    beside = f"; the label does in {percent(label)}" if label is not None and label.value is not None else ""
    if label is not None and label.high is not None and label.high < HALF:
        told = f"People's commonest answer is the label for {percent(label)} of {label.n:,} images alone"
        yield Finding(
            "note", f"{told}: the soft labels may be of other images, or their columns of other classes.", MATCH
        )
    yield Finding("note", f"It names people's commonest answer for {percent(agreed)} of {agreed.n:,} images{beside}.")
    yield from _shares(estimates)
    yield from _doubts(estimates)


def _shares(estimates: Estimates) -> Iterator[Finding]:
    """Are its probabilities closer to people's than a sure answer by the label would be?"""
    own, label = (estimates.one("js_divergence", answer=answer) for answer in (MODEL, "label"))
    gap, right = (estimates.one("js_divergence_gap", given=given) for given in ("all", "right"))
    if own is None or label is None or label.value is None or gap is None or gap.low is None or gap.high is None:
        return
    told = (
        f"Its probabilities diverge from the shares of people's answers by {number(own, 3)} nats, the label alone by "
        f"{number(label, 3)}"
    )
    if gap.high < 0:
        yield Finding("strong", f"{told}: it says more of what people see than the label does.")
    elif gap.low <= 0:
        yield Finding("note", f"{told}: neither is shown to be closer.")
    elif right is not None and right.low is not None and right.low > 0:
        end = "the label says more of what people see, even where the model is right"
        yield Finding("weak", f"{told}: {end}.", _advice(estimates))
    else:
        yield Finding("note", f"{told}: the label is closer, but not shown to be where the model is right.")


def _advice(estimates: Estimates) -> str:
    gap = estimates.one("entropy_gap", given="all")
    if gap is None or gap.low is None or gap.high is None or gap.low <= 0 <= gap.high:
        return ELSEWHERE
    return TOO_SURE if gap.high < 0 else TOO_UNSURE


def _doubts(estimates: Estimates) -> Iterator[Finding]:
    rho = estimates.one("entropy_correlation", given="all")
    if rho is None:
        return
    if rho.value is None:
        yield Finding("note", f"Whether it doubts where people do cannot be told: {rho.reason}.")
        return
    told = f"The rank correlation of its doubt with that of people is {number(rho)}"
    wrong, right = (estimates.one("people_entropy", given=given) for given in ("wrong", "right"))
    if rho.low is not None and rho.low <= 0:
        verdict: Literal["weak", "note"] = "weak" if rho.high is not None and rho.high < 0 else "note"
        yield Finding(verdict, f"{told}: it is not shown to doubt where people do.", ELSEWHERE)
    elif wrong is not None and right is not None and wrong.value is not None and right.value is not None:
        beside = f"people's entropy is {number(wrong)} nats where it is wrong, {number(right)} where it is right"
        yield Finding("note", f"{told}; {beside}.")
    else:
        yield Finding("note", f"{told}.")
