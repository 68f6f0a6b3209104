"""Event files, read back by a reader written from the formats' descriptions alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyechart.store.folder import Folder
from eyechart.train import events
from eyechart.train.log import Log

LINE = {"epoch": 300, "loss": 0.625, "lr": 1e-3, "weights": "ab", "test.bands.accuracy band=low radius=8": 0.5}


def remainder(data: bytes) -> int:
    """CRC-32C by long division, bit by bit, most significant first; bytes come in, and the result goes out, reflected."""
    bits = [(byte >> k) & 1 for byte in data for k in range(8)] + [0] * 32
    bits[:32] = [1 - bit for bit in bits[:32]]
    polynomial = [1] + [(0x1EDC6F41 >> (31 - k)) & 1 for k in range(32)]
    for i in range(len(bits) - 32):
        if bits[i]:
            bits[i : i + 33] = [a ^ b for a, b in zip(bits[i : i + 33], polynomial, strict=True)]
    return sum((1 - bit) << k for k, bit in enumerate(bits[-32:]))


def masked(data: bytes) -> int:
    crc = remainder(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def records(data: bytes) -> Iterator[bytes]:
    while data:
        length, crc = struct.unpack("<QI", data[:12])
        assert crc == masked(data[:8])
        body, data = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack("<I", data[:4])[0] == masked(body)
        yield body
        data = data[4:]


def fields(data: bytes) -> dict[int, list[Any]]:
    """Field number -> values of a protobuf message."""
    found: dict[int, list[Any]] = {}

    def varint() -> int:
        nonlocal data
        value = shift = 0
        while True:
            byte, data = data[0], data[1:]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while data:
        key = varint()
        if key & 7 == 0:
            value: Any = varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            value, data = data[:size], data[size:]
        found.setdefault(key >> 3, []).append(value)
    return found


def test_read_back(tmp_path: Path) -> None:
    events.write(Folder(tmp_path), LINE)
    (file,) = (tmp_path / events.UNDER).iterdir()
    assert "tfevents" in file.name
    first, second = map(fields, records(file.read_bytes()))
    assert first[3] == [b"brain.Event:2"]
    assert second[2] == [300]
    values = [fields(value) for value in fields(second[5][0])[1]]
    told = {value[1][0].decode(): struct.unpack("<f", value[2][0])[0] for value in values}
    assert told == {"loss": 0.625, "lr": pytest.approx(1e-3), "test/bands.accuracy band=low radius=8": 0.5}


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for epoch in (1, 2):
        events.write(Folder(tmp_path), {"epoch": epoch, "loss": 1 / epoch})
    found = loader.EventAccumulator(str(tmp_path / events.UNDER)).Reload()
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [(1, 1.0), (2, 0.5)]


def test_epochs_of_an_earlier_training_are_forgotten(tmp_path: Path) -> None:
    log = Log(Folder(tmp_path), 0)
    for epoch in (1, 2, 3):
        log.add({"epoch": epoch, "loss": 0.5})
    log.forget(1)
    assert Folder(tmp_path).names(events.UNDER) == [Path(events.name_of(1)).name]
