"""Make docs/gallery.md and its pictures: one figure an exam, from the report of a run, as a browser draws it.

    python examples/gallery.py RUN [RUN ...]

RUN is a run folder with a report (``eyechart demo``, or ``eyechart exam ... --suite full --out RUN``); several, as no images
suit every exam. Writes docs/gallery.md and docs/gallery/. Needs selenium, Chromium and its driver.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

import eyechart
from eyechart.core.catalogue import EXAMS, exam_class

FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --no-first-run --hide-scrollbars"
# Which of an exam's figures tells most, if it is not the first: its place, or how its title begins.
FIGURE: dict[str, int | str] = {
    "kernel_smoothness": -1,
    "partial_invariance": 1,
    "shape_bias": "Shape or texture",
    "distortions": "Accuracy by distortion",
    "human_likeness": "Does it doubt",
}
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


def chosen(figures: Sequence[Any], which: int | str) -> Any:
    """A figure by its place or by how its text begins; None if there is none."""
    if isinstance(which, int):
        return figures[which] if figures else None
    return next((figure for figure in figures if figure.text.startswith(which)), None)


def entries(driver: Any, folder: str, pictures: Path) -> dict[str, list[str]]:
    """Photograph each exam's figure in a run's report: the lines about each."""
    run, found = eyechart.open_run(folder), dict[str, list[str]]()
    model, images = run.record["models"][0]["name"], run.record["images"]["name"].split("/")[-1]
    driver.get((Path(folder) / "report.html").resolve().as_uri())
    for section in driver.find_elements(By.CSS_SELECTOR, "section.exam"):
        name = section.get_attribute("id").rpartition("-")[0].replace("-", "_")
        figures = section.find_elements(By.CSS_SELECTOR, "figure")
        figure = chosen(figures, FIGURE.get(name, 0))
        if name not in run.exams or figure is None or name in found:
            continue
        (pictures / f"{name}.png").write_bytes(photograph(driver, figure))
        exam = exam_class(name)
        picture = f"![{exam.title}](gallery/{name}.png)"
        source = f"{run.results['images']:,} images of `{images}`, model `{model}`"
        found[name] = [f"## `{name}`: {exam.title}", "", exam.explanation, "", picture, "", source, ""]
    return found


def main(*runs: str, docs: str = "docs") -> None:
    """Photograph each exam's figure, from the last of the runs that has it, and write the page around them."""
    pictures, found = Path(docs) / "gallery", dict[str, list[str]]()
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            for run in runs:
                found |= entries(driver, run, pictures)
        finally:
            driver.quit()
    lines = ["# Gallery", "", "One figure an exam. `eyechart show EXAM` prints the exact definitions.", ""]
    lines += [line for name in EXAMS if name in found for line in found[name]]
    (Path(docs) / "gallery.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
