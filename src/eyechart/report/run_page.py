"""From a run folder to what the page shows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from eyechart.core.chart import Finding
from eyechart.errors import RunFolderError
from eyechart.report.charts import from_dict
from eyechart.report.comparison import with_comparisons
from eyechart.report.page import BadImage, Counts, KeptCase, ModelCard, Page, PageSection, Picture, render_page
from eyechart.report.prescription import prescription_section
from eyechart.report.proof_section import BALANCED, proof_section
from eyechart.report.proof_section import FILE as PROOF
from eyechart.store.run_folder import Run


def write_report(run: Run | str | Path) -> str:
    """Write ``report.html`` into the run folder and return its path or URL. Needs neither the model nor torch."""
    run = run if isinstance(run, Run) else Run(run)
    run.folder.write("report.html", render_page(page_of(run)).encode("utf-8"))
    return f"{run.path.rstrip('/')}/report.html"


def page_of(run: Run) -> Page:
    """Everything the report says about a run, read from its folder alone.

    Raises:
        RunFolderError: the run is not finished, or its files are damaged.
    """
    try:
        return _page(run)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RunFolderError(
            f"The run's files do not hold what they should ({type(error).__name__}: {error}).",
            setting="RUN",
            value=run.path,
            way_out="Give the command of the run again: finished shards are used, the rest is written anew.",
        ) from error


def _page(run: Run) -> Page:
    record, results, stored = run.record, run.results, run.page
    fates = stored["fates"]
    odd = [BadImage(o["id"], o["status"], o["reason"]) for o in fates["odd"]]
    kept = _kept(run, stored)
    bad = tuple(o for o in odd if o.status != "converted")
    shown = [m for m in record["models"] if m["outputs"] != "nothing"]
    named = " and ".join(m["name"] for m in shown[:3]) or record["images"]["name"]
    proof = run.folder.read_json(PROOF)
    return Page(
        title=f"Proof of {proof['pairs'][0][0]}" if proof else f"Eye exam of {named}",
        created=record.get("ended") or record.get("started", ""),
        models=tuple(_card(m) for m in record["models"]),
        images=_images(record),
        counts=Counts(fates["images"] - len(bad), len(odd) - len(bad), len(bad), bad),
        sections=(
            *proof_section(proof, run.folder.read_json(BALANCED)),
            *with_comparisons(
                [_section(s) for s in stored["sections"]],
                run.estimates,
                {s["exam"]: s.get("headline", ()) for s in stored["sections"]},
                kept,
            ),
            *(() if proof else prescription_section(run)),
        ),
        kept=kept,
        skipped=tuple((f"{s['exam']} ({s['model']})", s["reason"]) for s in results["skipped"]),
        provenance=_provenance(record),
        preview=f"PREVIEW: {results['images']:,} of {results['of']:,} images" if results["preview"] else None,
        few=_sentence(run.few_images),
        incomplete=_sentence(run.lacking),
        proof=bool(proof),
    )


def _sentence(words: str) -> str | None:
    return words[:1].upper() + words[1:] or None


def _section(stored: Mapping[str, Any]) -> PageSection:
    findings = tuple(Finding(**f) for f in stored["findings"])
    charts = tuple(from_dict(c) for c in stored["charts"])
    return PageSection(stored["exam"], stored["title"], stored["explanation"], findings, charts, stored["model"])


def _kept(run: Run, stored: Mapping[str, Any]) -> dict[str, list[KeptCase]]:
    found: dict[str, list[KeptCase]] = {}
    for section in stored["sections"]:
        for case in run.kept(section["slot"], section["exam"]):
            pictures = {name: _picture(data) for name, data in case.pictures.items()}
            kept = KeptCase(case.key, case.score, case.id, case.facts, pictures)
            found.setdefault(section["model"], []).append(kept)
    return found


def _picture(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        return Picture(data, "image/webp", image.size)


def _card(model: Mapping[str, Any]) -> ModelCard:
    shape = model["preprocessing"]
    resize = shape["resize"]
    lines = [
        (
            "Input",
            f"{shape['size'][0]} x {shape['size'][1]} pixels"
            + (f", resized to {resize}, centre crop" if resize else ""),
        ),
        *_answers(model),
        *(("Note", remark) for remark in model["remarks"]),
    ]
    return ModelCard(model["name"], tuple(lines))


def _answers(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    if model["outputs"] == "nothing":
        return []
    return [("Answers", f"{model['n_outputs']:,} {model['outputs']}"), ("Device", model["device"])]


def _images(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    images = record["images"]
    lines = [("Images", images["name"]), ("Number", f"{images['n']:,}")]
    if images["classes"]:
        lines.append(("Classes", f"{images['classes']:,}"))
    lines += [("Note", remark) for remark in images["remarks"]]
    if training := record.get("training"):
        lines.append(("Beside them", f"{training['limit']:,} training images of {training['name']}"))
    lines += [("Class map", model["classes"][0]) for model in record["models"][:1] if model["classes"]]
    return tuple(lines)


def _matches(model: Mapping[str, Any]) -> dict[str, Any]:
    """How the first hundred classes of the images were matched with outputs."""
    return {"class map": model["classes"][1:101]} if len(model["classes"]) > 1 else {}


def _provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    told = {k: record[k] for k in ("started", "ended") if record.get(k)}
    about = dict(record["provenance"])
    models = {
        m["name"]: {**{k: m[k] for k in ("fingerprint", "preprocessing", "source")}, **_matches(m)}
        for m in record["models"]
    }
    images = {"fingerprint": record["identity"]["images"]["fingerprint"], "exif": record["images"]["exif"]}
    return {**about, **told, "options": record["options"], "exams": record["exams"], "models": models, "images": images}
