"""Figures and plain words for what further settings of the bands exam ask: single bands, head, control, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from eyechart.core.chart import Bars, Chart, Finding, Format, Lines, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points
from eyechart.exams.bands_pictures import at_radii, judged, lines, series

MOST = 50  # groups in a table
CURVES = 6  # groups in a line chart: as many as there are colours
ENOUGH = 30  # images of a group that the summary may speak of
BANDS = {"low": "coarse only", "high": "fine only", "pass": "one band at a time"}
SPLITS = ("head_pooled", "head_per_image")


def further_charts(estimates: Estimates, share: float) -> Sequence[Chart]:
    """Bands between radii, head and tail, the control, groups: of each what there is."""
    return [*_passes(estimates), *_heads(estimates, share), *_controls(estimates), *_groups(estimates)]


def further_findings(estimates: Estimates, share: float) -> Sequence[Finding]:
    """Where the energy lies and what it is worth; what the control says; groups that differ; bands that hold nothing."""
    found = [*_head_found(estimates, share), *_control_found(estimates), *_groups_found(estimates)]
    return [*found, *_empty_found(estimates)]


def _passes(estimates: Estimates) -> Iterator[Bars]:
    stuck = estimates.of("commonest_answer_share", band="pass")
    right = [e for e in estimates.of("accuracy", band="pass") if "by" not in e.at]
    if not stuck:
        return
    names = {"right answers": right, "its commonest answer": stuck}
    yield Bars(
        title="One band at a time",
        x_label="share of images",
        categories=[_between(e) for e in stuck],
        series=[series(name, found) for name, found in names.items() if found],
        x_range=(0.0, 1.0),
        caption="Only the waves between two neighbouring radii are shown; all but the first band have no brightness of their "
        "own. Where the commonest answer nears 100%, being right there is luck.",
    )


def _between(e: Estimate) -> str:
    radius, inner = e.at["radius"], e.at["inner"]
    return f"{inner:g} to {radius:g} waves" if inner else f"up to {radius:g} waves"


def _heads(estimates: Estimates, share: float) -> Iterator[Bars]:
    for split in SPLITS:
        parts = {e.at["band"]: e for e in estimates.of("accuracy", split=split)}
        radius = estimates.one("head_radius", split=split)
        if not parts or radius is None:
            continue
        disagree, reverse = (estimates.one(m, split=split) for m in ("high_not_low", "low_not_high"))
        caption = f"{_where(radius, share)} The head is what lies within, the tail the rest."
        if disagree and reverse:
            caption += (
                f" Right from the tail but not from the head: {percent(disagree)}; the reverse: {percent(reverse)}."
            )
        yield Bars(
            title="Where the images' own energy parts them",
            x_label="share of images",
            categories=["head (coarse)", "tail (fine)"],
            series=[series("right answers", [parts["low"], parts["high"]])],
            x_range=(0.0, 1.0),
            caption=caption,
        )


def _where(radius: Estimate, share: float) -> str:
    """Where the head ends, in a sentence."""
    ends = f" (95% interval {radius.low:.2f} to {radius.high:.2f})" if radius.low is not None else ""
    if radius.at["split"] == "head_pooled":
        return f"{share:.0%} of the power of these images together lies within {radius.value:.2f} waves{ends}."
    return f"{share:.0%} of an image's power lies within {radius.value:.2f} waves on average{ends}."


def _head_found(estimates: Estimates, share: float) -> Iterator[Finding]:
    for split in SPLITS:
        radius = estimates.one("head_radius", split=split)
        head, tail = (estimates.one("accuracy", split=split, band=band) for band in ("low", "high"))
        if radius and radius.value is None:
            yield Finding("note", f"Where the images' energy parts them is undefined: {radius.reason}.")
        elif radius and head and tail:
            sentence = f"Shown that alone it is right {percent(head)} of the time, shown the rest {percent(tail)}."
            yield Finding("note", f"{_where(radius, share)} {sentence}")


def _controls(estimates: Estimates) -> Iterator[Lines]:
    ours, control = at_radii(estimates), Estimates(estimates.of("high_not_low", control="svd"))
    if not control:
        return
    curves = {
        "coarse and fine (frequency)": ours.of("high_not_low"),
        "main and rest (singular values)": control,
        "singular values, by chance": estimates.of("high_not_low_by_chance", control="svd"),
    }
    caption = (
        "Images that the model gets right whole and from the weaker part alone, but wrong from the stronger one. The control "
        "parts each channel by singular values instead of frequency, at no less energy; the paper finds far fewer such images "
        "there. If it holds as many, they say little about frequency."
    )
    top = max(e.high or 0.0 for found in curves.values() for e in found)
    yield lines("Is it frequency?", "share of all images", curves, caption, (0.0, max(0.01, top)))


def _control_found(estimates: Estimates) -> Iterator[Finding]:
    gap = judged(estimates, "high_not_low_above_control")
    control = judged(Estimates(estimates.of("high_not_low", control="svd")), "high_not_low")
    if gap is None or control is None or gap.low is None or gap.high is None:
        return
    sentence = (
        f"Parted by singular values instead of frequency, at the energy of radius {gap.at['radius']:g}, {percent(control)} of "
        "the images are right from the rest alone and wrong from the main part"
    )
    plain, chance = judged(estimates, "high_not_low"), judged(estimates, "high_not_low_by_chance")
    if plain is None or chance is None or (plain.low or 0.0) <= (chance.value or 0.0):
        verdict = "but by frequency they are no more than unrelated answers would give, so neither split tells."
    elif gap.low > 0:
        verdict = f"fewer by {points(gap)}, so it is the fine waves that it reads."
    elif gap.high < 0:
        verdict = "no fewer than by frequency, so such images do not tell that it reads fine waves."
    else:
        verdict = (
            "no clear difference from the split by frequency, so such images do not tell that it reads fine waves."
        )
    yield Finding("note", f"{sentence}: {verdict}")


def _groups(estimates: Estimates) -> Iterator[Chart]:
    """A chart for each column and band: curves of a few groups, or a table."""
    for column, found in _by_column(estimates):
        shown, of = _largest(found), len({e.at["value"] for e in found})
        for band, name in BANDS.items():
            own = {value: [e for e in told if e.at["band"] == band] for value, told in shown.items()}
            radii = len(next(iter(own.values())))
            title = f"Right answers by {column}: {name}"
            if radii > 1 and 1 < len(own) <= CURVES:
                yield _curves(title, own, shown)
            elif radii:
                yield _table(title, own, shown, of)


def _by_column(estimates: Estimates) -> Iterator[tuple[str, list[Estimate]]]:
    grouped = [e for e in estimates.of("accuracy") if "by" in e.at]
    for column, found in groupby(grouped, key=lambda e: str(e.at["by"])):
        yield column, list(found)


def _largest(found: Sequence[Estimate], most: int = MOST) -> dict[str, list[Estimate]]:
    """Value -> its estimates, whole images first, for the values with most images, in their order."""
    values: dict[str, list[Estimate]] = {}
    for e in found:
        values.setdefault(e.at["value"], []).append(e)
    kept = set(sorted(values, key=lambda value: -values[value][0].n)[:most])
    return {value: own for value, own in values.items() if value in kept}


def _curves(title: str, own: dict[str, list[Estimate]], shown: dict[str, list[Estimate]]) -> Lines:
    whole = ", ".join(f"{value} {100 * (told[0].value or 0.0):.1f}%" for value, told in shown.items())
    caption = f"One line a group; shades are 95% intervals. Of whole images it gets right: {whole}."
    return lines(title, "share of images", own, caption, (0.0, 1.0))


def _table(title: str, own: dict[str, list[Estimate]], shown: dict[str, list[Estimate]], of: int) -> Table:
    first = next(iter(own.values()))
    caption = "Share of right answers in each group, on whole images and on the band."
    if of > len(shown):
        caption += f" The {len(shown)} largest of {of} groups; results.json has all."
    share: Format = "percent"
    return Table(
        title=title,
        columns=["group", "images", "whole image", *(_heading(e) for e in first)],
        rows=[[v, told[0].n, told[0].value, *(e.value for e in own[v])] for v, told in shown.items()],
        formats=[None, "integer", share, *(share for _ in first)],
        caption=caption,
    )


def _heading(e: Estimate) -> str:
    return _between(e) if e.at["band"] == "pass" else f"r = {e.at['radius']:g}"


def _groups_found(estimates: Estimates) -> Iterator[Finding]:
    """The best and the worst group on coarse detail, where their intervals lie apart."""
    for column, found in _by_column(estimates):
        rivals = [e for e in found if e.at["band"] == "low" and e.n >= ENOUGH]
        at = judged(Estimates(rivals), "accuracy")
        rivals = [e for e in rivals if at and e.at["radius"] == at.at["radius"]]
        best, worst = (choose(rivals, key=lambda e: e.value or 0.0, default=None) for choose in (max, min))
        if at is None or not best or not worst or (best.low or 0.0) <= (worst.high or 0.0):
            continue
        whole = {e.at["value"]: e for e in found if e.at["band"] == "whole"}
        told = (
            f"{e.at['value']}: {percent(e)}, whole {100 * (whole[e.at['value']].value or 0.0):.1f}%"
            for e in (best, worst)
        )
        yield Finding(
            "note",
            f"Shown only what is coarser than {best.at['radius']:g} waves, it does best and worst on these two of "
            f"{len(rivals)} values of {column}: {'; '.join(told)}. Some value always comes first and last: "
            "look at both again with other images.",
        )


def _empty_found(estimates: Estimates) -> Iterator[Finding]:
    empty = estimates.of("empty_band")
    if empty:
        names = {"low": "coarse", "high": "fine", "pass": "between"}
        told = ", ".join(f"{names[e.at['band']]} at radius {e.at['radius']:g}" for e in empty)
        yield Finding(
            "note",
            f"These bands hold no wave of a frame of this size: {told}; what is reported there are answers to a picture of "
            "zeros.",
            "Choose radii below the frame's corner.",
        )
