"""The log once more, as event files that TensorBoard reads: TFRecord frames around protobuf messages, written here.

Formats: TFRecord (length, masked CRC-32C of it, data, masked CRC-32C of that) and the ``Event`` and ``Summary`` messages of
TensorFlow, of which only scalars are used.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from typing import Any

from eyechart.store.folder import Folder

UNDER = "tensorboard"
CASTAGNOLI = 0x82F63B78  # the polynomial, bits reversed


def _row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (CASTAGNOLI if byte & 1 else 0)
    return byte


TABLE = tuple(map(_row, range(256)))


def name_of(epoch: int) -> str:
    """One file an epoch: each is there whole or not at all, and an epoch that is trained anew replaces its own."""
    return f"{UNDER}/events.out.tfevents.{epoch:010d}.eyechart"


def write(folder: Folder, line: Mapping[str, Any]) -> None:
    """The numbers in a line of the log, as scalars at its epoch; ``test.bands.accuracy`` is ``test/bands.accuracy``."""
    epoch, now = int(line["epoch"]), time.time()
    scalars = {name: value for name, value in line.items() if isinstance(value, float) and name != "epoch"}
    values = b"".join(_field(1, _scalar(name.replace(".", "/", 1), value)) for name, value in scalars.items())
    head = _record(_double(1, now) + _field(3, b"brain.Event:2"))
    folder.write(name_of(epoch), head + _record(_double(1, now) + _number(2, epoch) + _field(5, values)))


def forget(folder: Folder, epochs: int) -> None:
    """Remove what an earlier training wrote of epochs beyond these."""
    for name in folder.names(UNDER):
        if f"{UNDER}/{name}" > name_of(epochs):
            folder.remove(f"{UNDER}/{name}")


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    found = 0xFFFFFFFF
    for byte in data:
        found = TABLE[(found ^ byte) & 0xFF] ^ (found >> 8)
    return found ^ 0xFFFFFFFF


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _scalar(tag: str, value: float) -> bytes:
    return _field(1, tag.encode()) + struct.pack("<Bf", 2 << 3 | 5, value)


def _double(field: int, value: float) -> bytes:
    return struct.pack("<Bd", field << 3 | 1, value)


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
