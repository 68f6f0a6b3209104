"""Make docs/gallery.md and its pictures: one figure an exam, from the report of a run, as a browser draws it.

    python examples/gallery.py RUN [docs]

RUN is a run folder with a report (``eyechart demo``, or ``eyechart exam ... --suite full --out RUN``). Needs selenium,
Chromium and its driver.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

import eyechart
from eyechart.core.catalogue import exam_class

FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --no-first-run --hide-scrollbars"
# Which of an exam's figures tells most, if it is not the first.
FIGURE = {"spectrum": 0, "kernel_smoothness": -1, "partial_invariance": 1}
WIDTH = 640


def browser(folder: str) -> Any:
    """Headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS.split(), f"--user-data-dir={folder}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    size = {"width": WIDTH, "height": 1200, "deviceScaleFactor": 1.5, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
    return driver


def photograph(driver: Any, element: Any) -> bytes:
    """A PNG of one element, wherever it lies on the page."""
    box = driver.execute_script(
        "const b = arguments[0].getBoundingClientRect();"
        "return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height}",
        element,
    )
    asked = {"format": "png", "captureBeyondViewport": True, "clip": {**box, "scale": 1}}
    return b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])


def main(run: str, docs: str = "docs") -> None:
    """Photograph each exam's figure and write the page around them."""
    found, pictures = eyechart.open_run(run), Path(docs) / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Gallery",
        "",
        "One figure an exam. Made by `examples/gallery.py` from one run on "
        f"{found.results['images']:,} images of {found.record['images']['name'].split('/')[-1]}, "
        f"model {found.record['models'][0]['name']}. `eyechart show EXAM` prints the exact definitions.",
        "",
    ]
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            driver.get((Path(run) / "report.html").resolve().as_uri())
            for section in driver.find_elements(By.CSS_SELECTOR, "section.exam"):
                name = section.get_attribute("id").rpartition("-")[0].replace("-", "_")
                figures = section.find_elements(By.CSS_SELECTOR, "figure")
                if name not in found.exams or not figures:
                    continue
                figure = figures[FIGURE.get(name, 0)]
                (pictures / f"{name}.png").write_bytes(photograph(driver, figure))
                exam = exam_class(name)
                lines += [
                    f"## `{name}`: {exam.title}",
                    "",
                    exam.explanation,
                    "",
                    f"![{exam.title}](gallery/{name}.png)",
                    "",
                ]
        finally:
            driver.quit()
    (Path(docs) / "gallery.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
