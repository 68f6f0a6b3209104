"""Which remedies fit the weak spots of a run, and what each rests on. Rules are data files; nothing here is a promise."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from eyechart.core.chart import Table
from eyechart.core.estimate import Estimate, same
from eyechart.report.commands import filled_in
from eyechart.report.contents import PageSection
from eyechart.store.run_folder import Run

State = Literal["weak", "not shown", "fine"]
FEW = 100  # images
TITLE = "What might help"
EXPLANATION = (
    "Remedies that others have measured, or that follow from a definition, for what this run found weak. None of it is a "
    "promise for this model: each is tried by a command that ends with a proof."
)


@dataclass(frozen=True)
class Choice:
    """A remedy for a weak spot.

    Attributes:
        name: as ``--with`` takes it.
        why: what it does about the weak spot.
        evidence, source: what speaks for it, and where that stands.
        cost: what it is known to cost.
        command: to try it; words in capitals are to be filled in.
    """

    name: str
    why: str
    evidence: str
    source: str
    cost: str
    command: str


@dataclass(frozen=True)
class Rule:
    """When a figure is weak, and what is then to be tried.

    Attributes:
        exam, measure, at: of the figure.
        weak: on which side of ``threshold`` it is weak.
        says: the figure in plain words.
        remedy: choices, those with the most behind them first.
    """

    exam: str
    measure: str
    weak: Literal["above", "below"]
    threshold: float
    says: str
    at: Mapping[str, Any] = field(default_factory=dict)
    remedy: tuple[Choice, ...] = ()

    def state(self, e: Estimate) -> State:
        """Weak where the whole interval lies on the weak side of the threshold, not shown where it lies across it."""
        low, high = (e.value if end is None else end for end in (e.low, e.high))
        if e.value is None or low is None or high is None:
            return "not shown"
        if self.weak == "above":
            return "weak" if low > self.threshold else "fine" if high < self.threshold else "not shown"
        return "weak" if high < self.threshold else "fine" if low > self.threshold else "not shown"


@dataclass(frozen=True)
class Prescribed:
    """What one rule says of one model.

    Attributes:
        rule: which.
        estimate: what it rests on.
        state: what it says.
        words: what is known of the words in capitals of commands, see ``known_words``.
    """

    rule: Rule
    estimate: Estimate
    state: State
    words: Mapping[str, str] = field(default_factory=dict)

    def command(self, choice: Choice) -> str:
        """To try a remedy; words in capitals that are left are to be filled in."""
        return filled_in(choice.command, {"EXAMS": f"clean,{self.rule.exam}", **self.words})


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, by file name."""
    folder = files("eyechart").joinpath("data", "remedies")
    texts = [entry.read_text(encoding="utf-8") for entry in sorted(folder.iterdir(), key=lambda e: e.name)]
    return tuple(_rule(tomllib.loads(text)) for text in texts)


def _rule(told: Mapping[str, Any]) -> Rule:
    return Rule(**{**told, "remedy": tuple(Choice(**one) for one in told["remedy"])})


def prescribe(estimates: Sequence[Estimate], known: Mapping[str, Mapping[str, str]] | None = None) -> list[Prescribed]:
    """What the rules say of each model of a run; a figure that was not measured is passed over.

    Args:
        estimates: of the run.
        known: model -> words of commands, see ``known_words``.
    """
    models = dict.fromkeys(e.model for e in estimates)
    found = [one for model in models for rule in rules() for one in _applied(rule, model, estimates)]
    return [replace(one, words=(known or {}).get(one.estimate.model, {})) for one in found]


def patients(run: Run) -> list[str]:
    """Names of the models to prescribe for: all of a run; of a proof the one that is proved, not those it is compared with."""
    names = list(dict.fromkeys(e.model for e in run.estimates))
    proof = run.folder.read_json("proof.json") or {}
    proved = [model for model, _ in proof.get("pairs", [])[:1] if model in names]
    return proved or names


def unasked(estimates: Sequence[Estimate]) -> list[str]:
    """Exams that rules look at and the run did not sit."""
    sat = {e.exam for e in estimates}
    return sorted({rule.exam for rule in rules()} - sat)


def _applied(rule: Rule, model: str, estimates: Sequence[Estimate]) -> Iterator[Prescribed]:
    for e in estimates:
        fits = (e.model, e.exam, e.measure) == (model, rule.exam, rule.measure) and e.value is not None
        if fits and all(same(e.at.get(name), value) for name, value in rule.at.items()):
            yield Prescribed(rule, e, rule.state(e))
            return


def told(found: Prescribed) -> str:
    """The figure beside its limit, in words."""
    e, rule = found.estimate, found.rule
    ends = (
        f" (95% interval {100 * e.low:.1f} to {100 * e.high:.1f})" if e.low is not None and e.high is not None else ""
    )
    side = "no more than" if rule.weak == "above" else "at least"
    return f"{rule.says}: {100 * (e.value or 0.0):.1f}%{ends}, wanted {side} {100 * rule.threshold:g}%"


def as_data(found: Sequence[Prescribed]) -> list[dict[str, Any]]:
    """For ``--json``."""
    return [
        {
            "model": one.estimate.model,
            "state": one.state,
            "figure": {
                name: getattr(one.estimate, name) for name in ("exam", "measure", "value", "low", "high", "n", "unit")
            }
            | {"at": dict(one.estimate.at)},
            "threshold": one.rule.threshold,
            "weak": one.rule.weak,
            "says": one.rule.says,
            "remedies": [{**vars(choice), "command": one.command(choice)} for choice in one.rule.remedy]
            if one.state == "weak"
            else [],
        }
        for one in found
    ]


def prescription_section(run: Run) -> tuple[PageSection, ...]:
    """Of a run's page, one a model with weak spots; none where nothing is weak."""
    found = [one for one in prescribe(run.estimates) if one.state == "weak"]
    models = dict.fromkeys(one.estimate.model for one in found)
    return tuple(_section(model, [one for one in found if one.estimate.model == model]) for model in models)


def _section(model: str, found: Sequence[Prescribed]) -> PageSection:
    rows = [
        (choice.name, told(one), choice.why, f"{choice.evidence} ({choice.source})", choice.cost)
        for one in found
        for choice in one.rule.remedy
    ]
    table = Table(
        title="Remedies by weak spot",
        columns=("remedy", "for", "what it does", "what speaks for it", "what it costs"),
        rows=rows,
        caption="The commands to try them: eyechart prescribe RUN. A figure whose interval lies across its limit is not "
        "called weak.",
    )
    return PageSection("prescription", TITLE, EXPLANATION, (), (table,), model)
