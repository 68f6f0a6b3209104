"""A decode worker: a process that reads jobs from stdin and writes what it drew to stdout.

Plain subprocesses instead of ``multiprocessing``, so that scripts without a main guard, notebooks and programs that have
started threads or CUDA are safe, and a crash of the decoder costs one image, not the run.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from mmap import mmap
from typing import Any, BinaryIO

from eyechart.errors import EyechartError, ImagesError, SettingError
from eyechart.run.draw import Drawn, Job, draw

WORD = 8
Part = bytearray | mmap
LARGE = 1 << 20


def send(stream: BinaryIO, message: object) -> None:
    """Write one pickle and, beside it, its large arrays. Both ends are our own processes: nothing comes from a file."""
    arrays: list[memoryview] = []

    def is_small(array: pickle.PickleBuffer) -> bool:
        raw = array.raw()
        if raw.nbytes >= LARGE:
            arrays.append(raw)
        return raw.nbytes < LARGE

    data = pickle.dumps(message, protocol=5, buffer_callback=is_small)
    parts = [memoryview(data), *arrays]
    sizes = b"".join(size.to_bytes(WORD, "little") for size in (len(parts), *(part.nbytes for part in parts)))
    for part in (memoryview(sizes), *parts):
        sent = 0
        while sent < part.nbytes:  # an unbuffered stream may take less than it is given
            sent += stream.write(part[sent:])
    stream.flush()


def receive(stream: BinaryIO) -> list[Part] | None:
    """Read the parts of one message, for ``opened``; None at the end of the stream."""
    count = _exactly(stream, WORD)
    if count is None:
        return None
    sizes = _exactly(stream, WORD * _number(count))
    if sizes is None:
        return None
    parts = [_exactly(stream, _number(sizes[at : at + WORD])) for at in range(0, len(sizes), WORD)]
    return None if None in parts else [part for part in parts if part is not None]


def opened(parts: list[Part]) -> Any:
    """The message; its large arrays lie in the parts, uncopied."""
    return pickle.loads(parts[0], buffers=parts[1:])


def _number(word: Part | bytes) -> int:
    return int.from_bytes(word, "little")


def _exactly(stream: BinaryIO, size: int) -> Part | None:
    """Read ``size`` bytes.

    Large parts get a mapping of their own, which goes back to the system as a whole: on the heap, what is allocated
    beside passing pictures and stays keeps their pages.
    """
    data: Part = bytearray(size) if size < LARGE else _mapped(size)
    at, view = 0, memoryview(data)
    while at < size:
        got = stream.readinto(view[at:])  # type: ignore[attr-defined]
        if not got:
            return None
        at += got
    return data


def _mapped(size: int) -> mmap:
    try:
        return mmap(-1, size)
    except OSError as error:  # which would look like a worker that died
        raise SettingError(
            f"There is no memory for {size:,} bytes of frames.",
            setting="workers",
            value="those at work",
            way_out="Use fewer (--workers 1), a smaller frame, or a machine with more memory.",
        ) from error


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Say hello, then draw jobs until the parent closes the pipe. An error is a reply, too."""
    send(replies, "ready")
    while (parts := receive(requests)) is not None:
        reply: Drawn | EyechartError
        try:
            reply = _drawn(parts)
        except EyechartError as error:  # handed to the parent, which raises it
            reply = error
        try:
            send(replies, reply)
        except BrokenPipeError:
            return


def _drawn(parts: list[Part]) -> Drawn:
    try:
        job: Job = opened(parts)
    except Exception as error:  # whatever importing a user's module may raise
        raise out_of_reach(error) from error
    return draw(job)


def out_of_reach(error: Exception) -> ImagesError:
    """A source that cannot be sent to a worker, or not be loaded there."""
    return ImagesError(
        f"The images' source does not reach the decode workers: {type(error).__name__}: {error}.",
        setting="workers",
        value="1 or more",
        way_out="Put the class of the source into a module that can be imported, or decode here with workers=0.",
    )


def main() -> None:
    """Entry point: the pipe is taken over from stdout, so that stray prints of decoders cannot corrupt it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
