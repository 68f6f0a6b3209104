"""A folder of everything that goes wrong with image files, with the status each entry must get."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("<img src=x onerror=alert(1)>", "<script>alert(1)", "broken", "cut", "linked", "odd")
NOT_IMAGES = 4  # files that must be passed over
DEEP = "/".join(["n" * 100] * 4) + "/deep.png"


def picture(width: int = 24, height: int = 16, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Smooth colours with some noise, so that every format has something to keep."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 9 + seed, columns * 7, rows * 3 + columns * 4]
    pixels = (np.stack(planes, axis=-1) + rng.integers(0, 20, (height, width, 3))) % 256
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A valid header for a picture of ``width`` x ``height``, in under 100 bytes."""
    return png(width, height, b"\0")


def png(width: int, height: int, rows: bytes, bits: int = 8) -> bytes:
    """A colour PNG, put together by hand from its unpacked rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def sixteen_bit_png() -> bytes:
    values = np.linspace(0, 65535, 24 * 16).round().astype(np.uint16).reshape(16, 24)
    return encoded(Image.fromarray(values), "PNG")


def oriented_jpeg(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(), "JPEG", exif=exif)


def animated_gif() -> bytes:
    frames = [picture(seed=seed).quantize(16) for seed in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def palette_png() -> bytes:
    return encoded(picture().quantize(16), "PNG", transparency=bytes(range(0, 160, 10)))


def _files() -> dict[str, tuple[bytes, str]]:
    jpeg, png = encoded(picture(40, 30), "JPEG"), encoded(picture(), "PNG")
    return {
        "cut/short.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut/short.png": (png[: len(png) // 2], "truncated"),
        "cut/short.webp": (encoded(picture(40, 30), "WEBP")[:60], "truncated"),
        "broken/empty.jpg": (b"", "empty"),
        "broken/text.jpg": (b"Not an image, whatever its name says.\n", "unreadable"),
        "broken/postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "unreadable"),
        "broken/bomb.png": (bomb_png(), "too_large"),
        "broken/warned.png": (bomb_png(12_000, 10_000), "too_large"),  # where Pillow only warns
        "odd/png.jpg": (png, "ok"),
        "odd/upper.JPEG": (jpeg, "ok"),
        "odd/cmyk.jpg": (encoded(picture(mode="CMYK"), "JPEG"), "ok"),
        "odd/sixteen.png": (sixteen_bit_png(), "ok"),
        "odd/palette.png": (palette_png(), "ok"),
        "odd/moving.gif": (animated_gif(), "ok"),
        "odd/turned.jpg": (oriented_jpeg(), "ok"),
        f"odd/{'x' * 251}.png": (png, "ok"),
        f"odd/{DEEP}": (png, "ok"),
        "<script>alert(1)/a.png": (png, "ok"),
        "<img src=x onerror=alert(1)>/\"quoted'&.png": (png, "ok"),
    }


def build_hostile_folder(root: Path) -> dict[str, str]:
    """Fill ``root`` (beside it, a folder for links to lead to); relative path -> ``ok`` or the expected status."""
    expected = {path: status for path, (_, status) in _files().items()}
    for path, (content, _) in _files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    for path in (".DS_Store", "odd/Thumbs.db", "odd/._png.jpg", "notes.txt"):
        (root / path).write_bytes(b"\0")
    (root / ".cache").mkdir()
    (root / ".cache" / "hidden.png").write_bytes(b"")
    (root / "empty class").mkdir()
    return expected | _odd_name(root) | _links(root)


def _odd_name(root: Path) -> dict[str, str]:
    try:
        (root / "odd" / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded(picture(), "PNG"))
    except (OSError, UnicodeError):  # a file system of text
        return {}
    return {"odd/caf\\xe9.png": "ok"}


def _links(root: Path) -> dict[str, str]:
    outside = root.parent / f"{root.name} outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded(picture(), "PNG"))
    links = {
        "linked/inside.png": ("../odd/png.jpg", "ok"),
        "linked/out.png": (str(outside / "secret.png"), "outside"),
        "linked/folder": (str(outside), "outside"),
        "linked/loop": (str(root), "outside"),
        "linked/nowhere.png": ("nothing.png", "missing"),
        "linked/self.png": ("self.png", "missing"),
    }
    (root / "linked").mkdir()
    for path, (target, _) in links.items():
        (root / path).symlink_to(target)
    return {path: status for path, (_, status) in links.items()}


@pytest.fixture
def hostile_folder(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The folder, and what is expected of it; use with ``from hostile import hostile_folder  # noqa: F401``."""
    root = tmp_path / "hostile"
    root.mkdir()
    return root, build_hostile_folder(root)
