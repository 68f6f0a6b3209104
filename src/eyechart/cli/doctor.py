"""``eyechart doctor``: is everything in order before an exam?"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.markup import escape

from eyechart.cli.console import stdout


def doctor(
    model: Annotated[str | None, Parameter(help="Also load this model and match its classes.")] = None,
    *,
    images: Annotated[str | None, Parameter(help="Also decode all of these images.")] = None,
    labels: Annotated[str | None, Parameter(help="As in eyechart exam.")] = None,
    arch: Annotated[str | None, Parameter(help="As in eyechart exam.")] = None,
    classes: Annotated[str, Parameter(help="As in eyechart exam.")] = "auto",
    preprocess: Annotated[str, Parameter(help="As in eyechart exam.")] = "auto",
    trust: Annotated[Literal["none", "pickle", "code"], Parameter(help="As in eyechart exam.")] = "none",
) -> None:
    """Check the installation; with images, decode them all and list the odd ones; with a model, match its classes."""
    _installation()
    found = _images(images, labels) if images else None
    if model:
        from eyechart.models.load import load_model

        loaded = load_model(
            model,
            arch=arch,
            classes="auto" if classes.endswith(".csv") else classes,
            preprocess=preprocess,
            trust=trust,
        )
        stdout.print(
            f"Model: {escape(loaded.name)}: {loaded.n_outputs} {loaded.outputs}, {loaded.preprocessing}", markup=False
        )
        for remark in loaded.remarks:
            stdout.print(f"  {remark}", markup=False)
        if found is not None:
            from eyechart.run.labels import labels_for

            for line in labels_for(
                loaded, found, classes if classes == "sorted" or classes.endswith(".csv") else "auto"
            )[1]:
                stdout.print(f"Classes: {line}", markup=False)


def _installation() -> None:
    import torch
    from PIL import features

    from eyechart.run.provenance import provenance

    about = provenance("eyechart doctor")
    stdout.print(f"Python {about['python']} on {about['system']}", markup=False)
    stdout.print(", ".join(f"{name} {version}" for name, version in about["packages"].items() if version), markup=False)
    hardware = about["hardware"]
    stdout.print(
        f"{hardware['processor']}: {hardware['cores']} cores, {hardware['threads']} torch threads", markup=False
    )
    stdout.print(f"Accelerators: {', '.join(hardware['accelerators']) or 'none'}", markup=False)
    codecs = {name: features.version(name) for name in ("libjpeg_turbo", "webp", "zlib", "libtiff")}
    stdout.print("Decoder: Pillow with " + ", ".join(f"{n} {v}" for n, v in codecs.items() if v), markup=False)
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        stdout.print("oneDNN is missing from this torch: convolutions will be slow.")


def _images(spec: str, labels: str | None) -> Any:
    """Open the set, decode every image, and say what was odd."""
    from eyechart.images.load import load_images
    from eyechart.models.preprocessing import Preprocessing
    from eyechart.run.batches import Artist
    from eyechart.run.draw import Job

    found = load_images(spec, labels=labels)
    stdout.print(f"Images: {len(found):,} in {spec}, {len(found.class_names):,} classes", markup=False)
    for remark in found.remarks:
        stdout.print(f"  {remark}", markup=False)
    step = 64
    jobs = (
        Job(
            tuple(found.ids[i] for i in range(start, min(start + step, len(found)))),
            tuple(found.source(i) for i in range(start, min(start + step, len(found)))),
            (),
            Preprocessing(size=(1, 1)),
            0,
        )
        for start in range(0, len(found), step)
    )
    counts: Counter[str] = Counter()
    with Artist(0 if found.in_memory else 2) as artist:
        for job, drawn in artist.drawn(jobs):
            counts.update(drawn.status)
            for image, status, reason in zip(job.ids, drawn.status, drawn.reason, strict=True):
                if status != "ok":
                    stdout.print(f"  {status}: {image}: {reason}", markup=False)
    stdout.print("Decoded: " + ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items())), markup=False)
    return found
