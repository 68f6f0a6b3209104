"""The page in a real browser: quiet, inert, and no wider than the window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyechart.report.page import Page, render_page
from report.hostile_page import hostile
from report.sample_page import sample

pytest.importorskip("selenium")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
    pytest.mark.xdist_group("browser"),
]
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-dev-shm-usage"
)
PAGES = {"sample": sample, "hostile": hostile}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=list(PAGES))
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, str]:
    made: Page = PAGES[request.param]()
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(made), encoding="utf-8")
    return made, path.as_uri()


def open_page(browser: Any, address: str, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_page_is_quiet_inert_and_fits(browser: Any, page: tuple[Page, str], width: int, scheme: str) -> None:
    made, address = page
    open_page(browser, address, width, scheme)
    assert browser.title == made.title  # a dialog, were one open, would raise here
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(c) for c in paper[4:-1].split(",")) < 200) == (scheme == "dark")
    assert browser.execute_script("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert browser.execute_script("return document.scripts.length") == 1
    assert browser.get_log("browser") == []


def test_one_drawing_of_each_figure_is_seen(browser: Any, page: tuple[Page, str]) -> None:
    for width in (390, 800, 1400):
        open_page(browser, page[1], width, "light")
        seen = browser.execute_script(
            "return [...document.querySelectorAll('.drawings')].map((d) => [...d.children].filter((c) =>"
            " c.getBoundingClientRect().height > 0).length)"
        )
        assert set(seen) == {1}


@pytest.mark.parametrize("page", ["sample"], indirect=True)
def test_pixels_in_drawings_are_sharp_and_tiles_of_whole_size(browser: Any, page: tuple[Page, str]) -> None:
    """A picture that the policy refused would have left a message in the log."""
    for width in (390, 1400):
        open_page(browser, page[1], width, "light")
        sharp = browser.execute_script(
            "return [...document.querySelectorAll('svg image')].map((i) => getComputedStyle(i).imageRendering)"
        )
        assert set(sharp) == {"pixelated"}
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('.exact')].map((s) => [s.getBoundingClientRect().width,"
            " +s.getAttribute('width')]).filter(([shown]) => shown > 0)"
        )
        assert sizes
        assert all(shown == pytest.approx(meant, abs=0.5) for shown, meant in sizes)


def test_toggle_turns_the_theme(browser: Any, page: tuple[Page, str]) -> None:
    open_page(browser, page[1], 1400, "light")
    before = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.execute_script("document.querySelector('.theme').click()")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") != before
    browser.execute_script("document.querySelector('.theme').click()")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == before


@pytest.mark.parametrize("page", ["sample"], indirect=True)  # the hostile page has more words than room
def test_chart_text_does_not_collide(browser: Any, page: tuple[Page, str]) -> None:
    """Names, ticks, values and rule words of the sample's charts stay clear of one another."""
    for width in (390, 800, 1400):
        open_page(browser, page[1], width, "light")
        touching = browser.execute_script("""
            const hits = [];
            for (const chart of document.querySelectorAll('.chart')) {
              const texts = [...chart.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]);
              texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
                const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const tall = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (wide > 1 && tall > 3) hits.push(`${a} / ${b}`);
              }));
            }
            return hits;
        """)
        assert touching == []


def test_the_policy_refuses_what_was_not_written_here(browser: Any, page: tuple[Page, str]) -> None:
    open_page(browser, page[1], 1400, "light")
    browser.execute_script("""
        const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);
        const d = document.createElement('div'); d.innerHTML = '<img src=x onerror="window.ran = true">';
        document.body.append(d);
    """)
    assert browser.execute_script("return window.ran") is None
    browser.get_log("browser")  # the refusals themselves
