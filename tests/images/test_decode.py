"""Decoding: an oracle for the ordinary, a policy for the odd, one error for the broken."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import hostile
from eyechart.images.decode import decode, image_extensions
from eyechart.images.image_set import UndecodableError


def _oracle(data: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "JPEG2000"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "1", "RGBA", "LA"])
def test_equals_pillows_convert(format: str, mode: str) -> None:
    image = hostile.picture(mode=mode)
    try:
        data = hostile.encoded(image, format)
    except (OSError, ValueError):
        pytest.skip("the format cannot hold this mode")
    shown = decode(data)
    assert shown.picture.mode == "RGB"
    assert (np.asarray(shown.picture) == _oracle(data)).all()
    with Image.open(BytesIO(data)) as opened:
        assert (shown.remark == "") == (opened.mode == "RGB")


def test_palette_with_transparency() -> None:
    shown = decode(hostile.palette_png())
    assert (np.asarray(shown.picture) == _oracle(hostile.palette_png())).all()
    assert shown.remark == "palette converted to RGB; transparency dropped"


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    expected = np.rint(values / 257)
    for kind, format in ((np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF")):
        shown = decode(hostile.encoded(Image.fromarray(values.astype(kind)), format))
        assert (np.asarray(shown.picture)[..., 1] == expected).all()
        assert shown.remark == "16-bit grey scaled to 8 bits"
    assert decode(b"P5 2 1 65535\n\xff\xff\x80\x00").picture.getpixel((1, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("values", "expected", "remark"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255], "float grey in 0..1 scaled to 8 bits"),
        ([0.0, 99.6, 255.0], [0, 100, 255], "float grey in 0..255 rounded to 8 bits"),
        ([-10.0, 0.0, 10.0], [0, 128, 255], "float grey stretched to 8 bits"),
        ([7e8, 7e8, 7e8], [0, 0, 0], "float grey stretched to 8 bits"),
    ],
)
def test_floats(values: list[float], expected: list[int], remark: str) -> None:
    shown = decode(hostile.encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF"))
    assert np.asarray(shown.picture)[0, :, 0].tolist() == expected
    assert shown.remark == remark


def test_wide_integers_are_stretched_and_nan_is_refused() -> None:
    wide = Image.fromarray(np.array([[-(2**31), 0, 2**31 - 1]], dtype=np.int32))
    assert np.asarray(decode(hostile.encoded(wide, "TIFF")).picture)[0, :, 2].tolist() == [0, 128, 255]
    nan = Image.fromarray(np.array([[0.0, np.nan]], dtype=np.float32))
    assert _status(hostile.encoded(nan, "TIFF")) == "unreadable"


def test_sixteen_bit_colour_is_remarked() -> None:
    shown = decode(hostile.png(1, 1, b"\0" + bytes([200, 1, 100, 2, 50, 3]), bits=16))
    assert shown.picture.getpixel((0, 0)) == (200, 100, 50)
    assert shown.remark == "16 bits a channel cut to 8"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_noted_or_applied(orientation: int) -> None:
    data = hostile.oriented_jpeg(orientation)
    stored, turned = decode(data), decode(data, exif="apply")
    assert (np.asarray(stored.picture) == _oracle(data)).all()
    from PIL import ImageOps

    with Image.open(BytesIO(data)) as opened:
        assert (np.asarray(turned.picture) == np.asarray(ImageOps.exif_transpose(opened))).all()
    assert stored.remark == ("" if orientation == 1 else f"EXIF orientation {orientation} not applied")
    assert turned.remark == ("" if orientation == 1 else f"EXIF orientation {orientation} applied")
    assert not turned.picture.info


def test_first_frame_of_an_animation() -> None:
    shown = decode(hostile.animated_gif())
    assert (np.asarray(shown.picture) == _oracle(hostile.animated_gif())).all()
    assert "first of several frames" in shown.remark
    pages = [hostile.picture(seed=seed) for seed in range(2)]
    tiff = decode(hostile.encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert tiff.remark == "first of several frames"
    assert (np.asarray(tiff.picture) == np.asarray(pages[0])).all()


def test_bombs_are_refused_without_a_warning_or_a_trace() -> None:
    before, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    for data in (hostile.bomb_png(), hostile.bomb_png(12_000, 10_000)):
        assert _status(data) == "too_large"
    assert warnings.filters == before
    assert limit == Image.MAX_IMAGE_PIXELS
    small = hostile.encoded(hostile.picture(24, 16), "PNG")
    assert decode(small, max_pixels=24 * 16).picture.size == (24, 16)
    with pytest.raises(UndecodableError) as caught:
        decode(small, max_pixels=24 * 16 - 1)
    assert caught.value.status == "too_large"


def test_many_threads_leave_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda _: decode(hostile.palette_png()).remark, range(200)))
    assert set(shown) == {"palette converted to RGB; transparency dropped"}
    assert warnings.filters == before


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(hostile.encoded(hostile.picture(), "PNG"))
    assert decode(path).picture.size == (24, 16)
    assert decode(str(path)).picture.size == (24, 16)
    assert _status(tmp_path / "none.png") == "missing"
    assert _status(path / "below.png") == "missing"
    assert _status(tmp_path) == "unreadable"
    assert _status("null\0byte.png") == "unreadable"
    os.mkfifo(tmp_path / "pipe.png")
    assert _status(tmp_path / "pipe.png") == "unreadable"

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert _status(path) == "unreadable"


def test_extensions_are_those_of_decodable_formats() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".bmp"} <= image_extensions()
    assert not {".pdf", ".eps", ".ps", ".mpg", ".h5", ".wmf", ".txt"} & image_extensions()


_SEEDS = [
    hostile.encoded(hostile.picture(), "PNG"),
    hostile.encoded(hostile.picture(), "JPEG"),
    hostile.encoded(hostile.picture(), "WEBP"),
    hostile.encoded(hostile.picture(), "TIFF", compression="tiff_lzw"),
    hostile.encoded(hostile.picture(), "BMP"),
    hostile.encoded(hostile.picture(), "JPEG2000"),
    hostile.encoded(hostile.picture(), "ICO"),
    hostile.oriented_jpeg(),
    hostile.animated_gif(),
    hostile.palette_png(),
    hostile.sixteen_bit_png(),
]


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(_SEEDS),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    keep=st.floats(0, 1),
)
def test_broken_bytes_raise_nothing_else(data: bytes, flips: list[tuple[float, int]], keep: float) -> None:
    broken = bytearray(data)
    for place, value in flips:
        broken[int(place * len(broken))] = value
    _decodes_or_refuses(bytes(broken[: int(len(broken) * max(keep, 0.02 if keep else 0)) or None]))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"BM", b"GIF89a", b"II*\0", b"\0\0\1\0", b"P6", b"8BPS", b"qoif"])
)
def test_random_bytes_raise_nothing_else(data: bytes, start: bytes) -> None:
    _decodes_or_refuses(start + data)


def _decodes_or_refuses(data: bytes) -> None:
    status = ""
    try:
        picture = decode(data, max_pixels=1 << 20).picture
    except UndecodableError as error:
        status = error.status
    if status:
        assert status in {"empty", "truncated", "unreadable", "too_large"}
    else:
        assert picture.mode == "RGB"
        assert len(picture.tobytes()) == picture.size[0] * picture.size[1] * 3


def _status(data: bytes | str | Path) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(data)
    return caught.value.status
