"""A decode worker: a process that reads jobs from stdin and writes what it drew to stdout.

Plain subprocesses instead of ``multiprocessing``, so that scripts without a main guard, notebooks and programs that have
started threads or CUDA are safe, and a crash of the decoder costs one image, not the run.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import BinaryIO

from eyechart.errors import EyechartError, ImagesError
from eyechart.run.draw import Drawn, Job, draw

HEADER = 8


def send(stream: BinaryIO, message: object) -> None:
    """Write one length-prefixed pickle. Both ends are our own processes: nothing here comes from a file."""
    data = pickle.dumps(message, protocol=5)
    for part in (len(data).to_bytes(HEADER, "little"), data):
        view = memoryview(part)
        while view:  # an unbuffered stream may take less than it is given
            view = view[stream.write(view) :]
    stream.flush()


def receive(stream: BinaryIO) -> bytearray | None:
    """Read one length-prefixed message; None at the end of the stream."""
    head = _exactly(stream, HEADER)
    return None if head is None else _exactly(stream, int.from_bytes(head, "little"))


def _exactly(stream: BinaryIO, size: int) -> bytearray | None:
    data = bytearray(size)
    at, view = 0, memoryview(data)
    while at < size:
        got = stream.readinto(view[at:])  # type: ignore[attr-defined]
        if not got:
            return None
        at += got
    return data


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Say hello, then draw jobs until the parent closes the pipe. An error is a reply, too."""
    send(replies, "ready")
    while (data := receive(requests)) is not None:
        reply: Drawn | EyechartError
        try:
            reply = _drawn(data)
        except EyechartError as error:  # handed to the parent, which raises it
            reply = error
        try:
            send(replies, reply)
        except BrokenPipeError:
            return


def _drawn(data: bytearray) -> Drawn:
    try:
        job: Job = pickle.loads(data)
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
