"""SVG elements as escaped text: the only place where the report's markup is put together by hand."""

from __future__ import annotations

from markupsafe import Markup, escape

Attribute = str | float | None


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """Build ``<name ...>children</name>``; children and attribute values are escaped unless already Markup.

    Underscores in attribute names become hyphens and a trailing one is dropped (``class_``); None leaves the
    attribute out; numbers are rounded to a tenth.

    >>> print(element("text", "a < b", x=1.25, text_anchor="end", class_="tick"))
    <text x="1.2" text-anchor="end" class="tick">a &lt; b</text>
    """
    written = Markup("").join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, join(*children))  # names are ours


def join(*parts: str) -> Markup:
    """Put pieces side by side, escaping those that are plain text."""
    return Markup("").join(parts)


def path(points: list[tuple[float, float]], *, closed: bool = False) -> str:
    """The ``d`` of a path through ``points``.

    >>> path([(0, 0), (10, 2.5)])
    'M0 0L10 2.5'
    """
    return "M" + "L".join(f"{_tenth(x)} {_tenth(y)}" for x, y in points) + ("Z" if closed else "")


def picture(
    ident: str, width: float, height: float, title: str, description: str, *children: str, exact: bool = False
) -> Markup:
    """A whole figure: read out as its title and description.

    It scales with its box; an ``exact`` one does not grow beyond its own size, so that its pixels stay whole.
    """
    return element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", description, id=f"{ident}-desc"),
        *children,
        viewBox=f"0 0 {_tenth(width)} {_tenth(height)}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
        class_="chart exact" if exact else "chart",
        width=width if exact else None,
    )


def _attribute(key: str, value: str | float) -> Markup:
    text = value if isinstance(value, str) else _tenth(value)
    return Markup(' {}="{}"').format(Markup(key.rstrip("_").replace("_", "-")), escape(text))


def _tenth(number: float) -> str:
    return f"{round(number, 1):g}"
