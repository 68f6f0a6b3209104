"""The page of a gallery of features: layers, their channels as cards, and the spikes of single images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from eyechart.report.page import _asset, _readable, _template
from eyechart.report.policy import policy, printable
from eyechart.report.svg import element, join, picture

NAMED = 6  # spikes with a number
WIDTH, HEIGHT, BASE = 1040.0, 150.0, 22.0
LETTERS = 26.0  # room for a number


@dataclass(frozen=True)
class Figure:
    """A figure on a card: what it is, as text and, for sorting, as a number (None sorts last)."""

    key: str
    label: str
    text: str
    number: float | None = None


@dataclass(frozen=True)
class ChannelCard:
    """A channel.

    Attributes:
        number: of the channel; of a card of several together, of the card.
        anchor: of the card.
        picture: address of the picture made for it; empty: there is none.
        remark: what is to be said in place of the picture, or beside it.
        strips: (what it shows, address, number of tiles).
        figures: of the channel.
        title: of a card of several channels together; empty: the channel's own.
    """

    number: int
    anchor: str
    picture: str
    remark: str
    strips: tuple[tuple[str, str, int], ...]
    figures: tuple[Figure, ...]
    title: str = ""

    @property
    def called(self) -> str:
        """What the card is of."""
        return self.title or f"channel {self.number}"


@dataclass(frozen=True)
class Spikes:
    """What every channel of a layer says of one image.

    Attributes:
        image: its id.
        source: address of the picture.
        z: of each channel, None where it is undefined.
        by_chance: about the largest that as many channels of noise reach.
        anchors: channel -> anchor, of those with a card.
    """

    image: str
    source: str
    z: tuple[float | None, ...]
    by_chance: float
    anchors: Mapping[int, str]


@dataclass(frozen=True)
class LayerPart:
    """A layer: its name, sentences, spikes, mosaics (heading, sentence, address), cards, and those of channels together."""

    name: str
    anchor: str
    sentences: tuple[str, ...]
    spikes: tuple[Spikes, ...]
    mosaics: tuple[tuple[str, str, str], ...]
    cards: tuple[ChannelCard, ...]
    combined: tuple[ChannelCard, ...] = ()


@dataclass(frozen=True)
class FeaturesPage:
    """What the page says.

    Attributes:
        title: of the page.
        created: when, in ISO form.
        about: lines of (label, value).
        legend: (label, explanation) of the figures on the cards.
        introduction: what a card shows.
        kernels: addresses of pictures of the first layer's kernels, and what is to be said of them.
        layers: in the order of use.
        provenance: nested plain data.
    """

    title: str
    created: str
    about: tuple[tuple[str, str], ...]
    legend: tuple[tuple[str, str], ...]
    introduction: str
    kernels: tuple[str, str] | None
    layers: tuple[LayerPart, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)


def render_features(page: FeaturesPage, *, beside: bool) -> str:
    """The page as one HTML document; ``beside``: pictures are files beside it, and no part of it."""
    style, script = (
        f"{_asset('report.css')}\n{_asset('features.css')}",
        f"{_asset('report.js')}\n{_asset('features.js')}",
    )
    text = _template("features.html.j2").render(
        page=page,
        created=_readable(page.created),
        draw=draw_spikes,
        policy=policy(style, script, pictures="data: 'self' file:" if beside else "data:"),
        style=Markup(style),  # our own files, hashed in the policy
        script=Markup(script),
        beside=beside,
    )
    return printable(text)


def draw_spikes(spikes: Spikes, ident: str) -> Markup:
    """One thin bar a channel, up for more than usual, down for less; the highest are named and lead to their cards."""
    known = [z for z in spikes.z if z is not None]
    high = max([*known, spikes.by_chance, 1.0]) * 1.12
    low = min([*known, -spikes.by_chance, -1.0]) * 1.05
    unit = (HEIGHT - BASE) / (high - low)
    zero = HEIGHT - BASE + low * unit
    left = 34.0
    step = (WIDTH - left) / max(len(spikes.z), 1)
    top = sorted((i for i, z in enumerate(spikes.z) if z is not None), key=lambda i: -(spikes.z[i] or 0.0))[:NAMED]
    words = _apart(top, step)
    parts: list[str] = [element("path", d=f"M{left} {zero:.1f}H{WIDTH}", class_="grid zero")]
    for level in (spikes.by_chance, -spikes.by_chance):
        parts.append(element("path", d=f"M{left} {zero - level * unit:.1f}H{WIDTH}", class_="rule"))
        parts.append(element("text", f"{level:+.1f}", x=left - 4, y=zero - level * unit + 4, text_anchor="end"))
    for i, z in enumerate(spikes.z):
        if z is not None:
            parts.append(
                _spike(spikes, i, z, left + (i + 0.5) * step, zero, unit, step, named=i in top, worded=i in words)
            )
    said = ", ".join(f"channel {i} at {spikes.z[i]:+.1f}" for i in top) or "none, since one image has no spread"
    told = f"Standard deviations from what each of {len(spikes.z)} channels usually says. Highest: {said or 'none'}."
    return picture(ident, WIDTH, HEIGHT, f"What the channels say of {spikes.image}", told, *parts)


def _spike(
    spikes: Spikes, i: int, z: float, x: float, zero: float, unit: float, step: float, *, named: bool, worded: bool
) -> Markup:
    end = zero - z * unit
    stroke = max(0.75, min(step * 0.8, 6))
    bar = element(
        "path", d=f"M{x:.1f} {zero:.1f}V{end:.1f}", class_="spike named" if named else "spike", stroke_width=stroke
    )
    title = element("title", f"channel {i}: {z:+.2f}")
    word = element("text", str(i), x=x, y=end - 4, text_anchor="middle", class_="label s2") if worded else Markup("")
    whole = element("g", title, bar, word)
    return element("a", whole, href=f"#{spikes.anchors[i]}") if i in spikes.anchors else join(whole)


def _apart(top: Sequence[int], step: float) -> set[int]:
    """Of the highest spikes, best first, those whose numbers do not lie over that of a higher one."""
    found: list[int] = []
    for i in top:
        if all(abs(i - other) * step > LETTERS for other in found):
            found.append(i)
    return set(found)
