"""Decode a picture with Pillow, fully, and say what had to be done to make it 8-bit RGB.

Policy:
    * The content decides the format; the file's name plays no part.
    * The result is what ``Image.open(file).convert("RGB")`` gives, as in the evaluation code of torchvision and timm:
      alpha is dropped, colour profiles and EXIF orientation are not applied (an orientation is noted in the remark).
    * One exception: 16-bit and floating-point grey is scaled to 8 bits, where ``convert`` would clip it to white.
    * The first frame stands for animations and multi-page files.
    * More pixels than ``max_pixels`` are refused before any pixel is decoded.
    * Formats that would start another program (PostScript, Windows metafiles) or that Pillow can only name are refused.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from eyechart.images.depth import is_deep, to_eight_bits
from eyechart.images.image_set import UndecodableError
from eyechart.images.original import Original
from eyechart.images.quiet import quiet_pillow

Exif = Literal["ignore", "apply"]
EXIF_POLICY: Exif = "ignore"
MAX_FILE_BYTES = 1 << 30

_REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CONVERTED = {
    "1": "1-bit black and white converted to RGB",
    "L": "grey converted to RGB",
    "P": "palette converted to RGB",
    "CMYK": "CMYK converted to RGB",
    "YCbCr": "YCbCr converted to RGB",
    "LA": "grey converted to RGB; alpha dropped",
    "PA": "palette converted to RGB; alpha dropped",
    "RGBA": "alpha dropped",
}


def decode(data: bytes | str | Path, *, exif: Exif = EXIF_POLICY, max_pixels: int | None = None) -> Original:
    """Decode ``data`` (the encoded bytes, or a path) to 8-bit RGB.

    Args:
        data: the file's content, or where it lies.
        exif: ``ignore`` shows the stored pixels and remarks on an orientation; ``apply`` turns the picture upright.
        max_pixels: width x height at most; by default ``PIL.Image.MAX_IMAGE_PIXELS``.

    Raises:
        UndecodableError: for whatever is wrong with the data; nothing else.
    """
    encoded = data if isinstance(data, bytes) else _read(data)
    if not encoded:
        raise UndecodableError("empty", "The file has no content.")
    try:
        with quiet_pillow(), Image.open(BytesIO(encoded), formats=readable_formats()) as opened:
            _check_size(opened.size, max_pixels)
            return _to_rgb(opened, exif)
    except UndecodableError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise UndecodableError("too_large", f"The picture is too large to decode: {_said(error)}.") from error
    except Exception as error:  # on broken data Pillow's plugins raise nearly every type there is
        raise _broken(encoded, error) from error


@cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are decoded."""
    Image.init()
    return tuple(name for name in Image.ID if name not in _REFUSED)


@cache
def image_extensions() -> frozenset[str]:
    """Lower-case file name extensions, with the dot, of the formats that are decoded."""
    formats = {*readable_formats(), "MPO"}  # MPO is opened as JPEG
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in formats)


def _read(path: str | Path) -> bytes:
    try:
        with open(path, "rb", buffering=0, opener=_without_waiting) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise UndecodableError("unreadable", "It is not a regular file.")
            if state.st_size > MAX_FILE_BYTES:
                raise UndecodableError("too_large", f"The file has {state.st_size} bytes; at most 1 GiB is read.")
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UndecodableError("missing", "There is no such file.") from error
    except (OSError, ValueError) as error:
        raise UndecodableError("unreadable", f"The file cannot be opened: {_said(error)}.") from error


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would keep a worker waiting for ever


def _check_size(size: tuple[int, int], max_pixels: int | None) -> None:
    most = Image.MAX_IMAGE_PIXELS if max_pixels is None else max_pixels
    if most is not None and size[0] * size[1] > most:
        raise UndecodableError(
            "too_large", f"The picture has {size[0]} x {size[1]} pixels; at most {most} are decoded."
        )


def _to_rgb(opened: Image.Image, exif: Exif) -> Original:
    cut = "16 bits a channel cut to 8" if opened.mode in ("RGB", "RGBA") and ";16" in _raw_mode(opened) else ""
    opened.load()
    mode = opened.mode
    if is_deep(mode):
        picture, remark = to_eight_bits(opened)
    else:
        remark = _CONVERTED.get(mode, "" if mode == "RGB" else f"{mode} converted to RGB")
        if mode in ("P", "RGB", "L", "1") and opened.info.pop("transparency", None) is not None:
            remark = f"{remark}; transparency dropped".removeprefix("; ")
        picture = opened.convert("RGB")
    picture, turned = _orient(opened, picture, exif)
    picture.info.clear()  # metadata has been read; it must not travel, or be applied a second time
    remarks = (remark, cut, turned, _frames(opened))
    return Original(picture, "; ".join(r for r in remarks if r))


def _raw_mode(opened: Image.Image) -> str:
    return " ".join(str(tile[3]) for tile in getattr(opened, "tile", ()) or ())


def _orient(opened: Image.Image, picture: Image.Image, exif: Exif) -> tuple[Image.Image, str]:
    try:
        orientation = opened.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata says nothing about the pixels
        return picture, ""
    if orientation not in _UPRIGHT:
        return picture, ""
    if exif == "ignore":
        return picture, f"EXIF orientation {orientation} not applied"
    return picture.transpose(_UPRIGHT[orientation]), f"EXIF orientation {orientation} applied"


def _frames(opened: Image.Image) -> str:
    try:
        return "first of several frames" if getattr(opened, "is_animated", False) else ""
    except Exception:  # later frames are broken; the first is not
        return "first of several frames"


def _broken(encoded: bytes, error: Exception) -> UndecodableError:
    if _cut_short(encoded, str(error)):
        return UndecodableError("truncated", f"The file ends before the picture does: {_said(error)}.")
    if isinstance(error, UnidentifiedImageError):
        return UndecodableError("unreadable", "The content is not an image in a known format.")
    return UndecodableError("unreadable", f"The picture cannot be decoded: {_said(error)}.")


def _cut_short(encoded: bytes, message: str) -> bool:
    message = message.lower()
    if "truncated" in message or "end of file" in message:
        return True
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return int.from_bytes(encoded[4:8], "little") + 8 > len(encoded)
    if encoded.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in encoded[-64:]
    return encoded.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" not in encoded[-64:]


def _said(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__)[:200]
