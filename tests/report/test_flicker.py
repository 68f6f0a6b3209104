"""Two frames that alternate in one place: by pointer, by keyboard, by hand only where motion is not wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyechart.core.chart import Gallery
from eyechart.report.cases import case_lists
from eyechart.report.page import KeptCase, Page, PageSection, render_page
from report.sample_page import picture, sample
from report.test_browser import browser, open_page, pytestmark

__all__ = ["browser", "pytestmark"]
PAIR = (("a", "frame 1"), ("b", "frame 2"))


def gallery() -> Gallery:
    return Gallery("The worst pairs", "worst/", PAIR, ("cat", "dog"), "Pairs.", flicker=True)


def kept(*names: str) -> KeptCase:
    return KeptCase("worst/x", 1.0, "cat.png", {}, {name: picture(i, 64, 9) for i, name in enumerate(names)})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = sample()
    section = PageSection("shift", "One-pixel shifts", "Twice.", (), (gallery(),), made.models[0].name)
    page = Page(
        made.title,
        made.created,
        made.models[:1],
        made.images,
        made.counts,
        (section,),
        {made.models[0].name: [kept("a", "b")]},
    )
    path: Path = tmp_path_factory.mktemp("flicker") / "report.html"
    path.write_text(render_page(page), encoding="utf-8")
    return path.as_uri()


def test_cases_lacking_a_frame_do_not_flicker() -> None:
    assert case_lists(gallery(), [kept("a", "b")])[0].cases[0].flicker
    assert not case_lists(gallery(), [kept("a")])[0].cases[0].flicker
    plain = Gallery("x", "worst/", PAIR, ("", ""))
    assert not case_lists(plain, [kept("a", "b")])[0].cases[0].flicker


def seen(browser: Any) -> tuple[str, str, str, bool]:
    """Which frame is up, the words over and under it, and whether the second picture covers the first."""
    return tuple(
        browser.execute_script(
            "const f = document.querySelector('.flicker'), t = f.querySelector('.turn');"
            "const a = t.getBoundingClientRect(), b = t.parentElement.querySelector('img').getBoundingClientRect();"
            "return [f.dataset.frame, f.querySelector('.shot-name').textContent, f.querySelector('.shot-line').textContent,"
            " !t.hidden && a.width === b.width && a.height === b.height && a.top === b.top && a.left === b.left]"
        )
    )


def frames(browser: Any, seconds: float) -> Iterator[str]:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        yield seen(browser)[0]


FIRST, SECOND = ("1", "frame 1", "cat", False), ("2", "frame 2", "dog", True)


def press(browser: Any, key: str) -> None:
    browser.execute_script(
        "const f = document.querySelector('.flicker'); f.focus();"
        "f.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}))",
        key,
    )


@pytest.mark.parametrize("width", [390, 1400])
def test_where_motion_is_not_wanted_a_key_or_a_tap_changes_the_frame_once(
    browser: Any, address: str, width: int
) -> None:
    open_page(browser, address, width, "light")
    assert seen(browser) == FIRST
    press(browser, "Enter")
    assert seen(browser) == SECOND
    assert set(frames(browser, 1.2)) == {"2"}
    press(browser, " ")
    assert seen(browser) == FIRST
    browser.execute_script("document.querySelector('.flicker').click()")
    assert seen(browser) == SECOND
    press(browser, "Escape")
    assert seen(browser) == FIRST
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


def test_pointing_and_pressing_make_the_frames_alternate(browser: Any, address: str) -> None:
    open_page(browser, address, 1400, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def point(kind: str) -> None:
        browser.execute_script(
            "document.querySelector('.flicker').dispatchEvent(new PointerEvent(arguments[0], {pointerType: 'mouse'}))",
            kind,
        )

    point("pointerenter")
    assert set(frames(browser, 1.4)) == {"1", "2"}
    point("pointerleave")
    assert set(frames(browser, 0.8)) == {"1"}
    browser.execute_script("document.querySelector('.flicker').click()")  # a tap
    assert set(frames(browser, 1.4)) == {"1", "2"}
    browser.execute_script("document.querySelector('.flicker').click()")
    assert set(frames(browser, 0.8)) == {"1"}
    assert browser.get_log("browser") == []
