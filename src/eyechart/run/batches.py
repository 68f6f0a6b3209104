"""Feeding the model: jobs drawn ahead in worker processes, delivered in order."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Any, cast

import numpy as np

from eyechart.errors import EyechartError, SettingError
from eyechart.run.draw import Drawn, Job, draw
from eyechart.run.worker import opened, out_of_reach, receive, send

CRASHED = "the decoder crashed on it"


class Artist:
    """Draws jobs, in this process (no workers) or in others.

    Args:
        workers: number of decode processes; 0 draws here.
        ahead: jobs in work beside the one being used.
    """

    def __init__(self, workers: int, ahead: int = 2) -> None:
        self.workers, self._ahead = workers, workers + ahead
        self._threads = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="eyechart-draw")
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._all: list[_Process] = [_Process() for _ in range(workers)]
        for process in self._all:
            self._idle.put(process)

    def __enter__(self) -> Artist:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            process.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def drawn(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Drawn]]:
        """Results in the order of the jobs."""
        if not self.workers:
            for job in jobs:
                yield job, draw(job)
            return
        waiting: deque[tuple[Job, Future[Drawn]]] = deque()
        for job in jobs:
            waiting.append((job, self._threads.submit(self._draw, job)))
            if len(waiting) >= self._ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()

    def _draw(self, job: Job) -> Drawn:
        process = self._idle.get()
        try:
            return _surviving(process, job)
        finally:
            self._idle.put(process)


class _Process:
    """One worker process, started when first needed and again after a crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = Lock()  # a worker must not start while all are being stopped

    def ask(self, job: Job) -> Drawn | None:
        """What the worker drew; None if it died on the job. Raises what the worker raised."""
        with self._lock:
            process = self._started()
        try:
            send(cast(Any, process.stdin), job)
            parts = receive(cast(Any, process.stdout))
        except (BrokenPipeError, OSError, ValueError):
            parts = None
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise out_of_reach(error) from error
        if parts is None:
            self._end()
            return None
        reply = opened(parts)
        if isinstance(reply, EyechartError):
            raise reply
        return cast(Drawn, reply)

    def stop(self) -> None:
        """End the worker for good."""
        with self._lock:
            self._stopped = True
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._stopped:
            raise RuntimeError("the decode workers have been stopped")
        if self._process is None:
            # -P: the folder the user stands in may be untrusted pictures, with a numpy.py among them.
            command = [sys.executable, "-P", "-m", "eyechart.run.worker"]
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
            # Unbuffered: messages are megabytes, a buffer would copy them once more.
            # A session of its own: Ctrl-C in a terminal is the parent's to handle, even while the worker starts.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=env,
                start_new_session=True,
            )
            if receive(cast(Any, self._process.stdout)) is None:
                self._end()
                raise SettingError(
                    "The decode workers do not start; what they said stands above.",
                    setting="workers",
                    value=" ".join(command),
                    way_out="Decode in the main process with workers 0, or mend the installation (eyechart doctor).",
                )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _surviving(process: _Process, job: Job) -> Drawn:
    """Draw a job; where a worker dies, halve the job until the image that kills it stands alone and is marked bad.

    Unless it was the image beside it: then only what shows both is not valid.
    """
    found = process.ask(job)
    if found is not None:
        return found
    if len(job.ids) == 1:
        found = process.ask(job)  # once more, in case the process was killed from outside
        return found or _without_partner(process, job) or _crashed(job)
    half = len(job.ids) // 2
    return _join([_surviving(process, job.part(some)) for some in (slice(None, half), slice(half, None))])


def _without_partner(process: _Process, job: Job) -> Drawn | None:
    """A job of one image without the partner that kills the worker, or without all; None if it is the image itself."""
    for numbers in dict.fromkeys((*((number,) for number in job.beside), tuple(job.beside))):
        found = process.ask(job.without_partners(numbers, "unreadable", CRASHED)) if numbers else None
        if found is not None:
            return found
    return None


def _crashed(job: Job) -> Drawn:
    height, width = job.preprocessing.size
    frames = np.zeros((len(job.views), 1, height, width, job.preprocessing.channels), np.uint8)
    nothing: tuple[dict[str, Any], ...] = tuple({} for _ in job.views)
    return Drawn(frames, nothing, np.zeros((len(job.views), 1), bool), ("unreadable",), (CRASHED,))


def _join(parts: list[Drawn]) -> Drawn:
    notes = []
    for columns in zip(*(p.notes for p in parts), strict=True):
        names = {name for c in columns for name in c}
        sizes = [p.frames.shape[1] for p in parts]
        blank = [np.full(size, np.nan) for size in sizes]
        notes.append(
            {n: np.concatenate([c.get(n, b) for c, b in zip(columns, blank, strict=True)]) for n in sorted(names)}
        )
    return Drawn(
        np.concatenate([p.frames for p in parts], axis=1),
        tuple(notes),
        np.concatenate([p.valid for p in parts], axis=1),
        tuple(s for p in parts for s in p.status),
        tuple(r for p in parts for r in p.reason),
    )
