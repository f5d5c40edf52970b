"""Answers: parse jobs in processes, each kept by the content of all that it read.

Like a compiler cache in direct mode: under a job's key stand the files that the unit
included last time; their bytes now, together with the key, name the answer.  A file
that changed, on disk or in an overlay, makes another name, never a stale answer.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib.metadata
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from ..cache import Cache, digest, sha256_of
from ..errors import Exit, XenstageError
from ..process import ENDING, end_with_parent
from ..progress import Progress
from . import parse
from .libclang import check_libclang
from .parse import Job
from .record import answer

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Contents:
    """Digests of files, each file read once; and answers that this process knows, by content.

    :param root: the prepared tree.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] = {}
        self._answers: dict[str, Any] = {}
        self._includes: dict[str, list[str]] = {}

    def digest(self, path: str, overlay: Mapping[str, bytes]) -> str:
        """Digest of a file as a job would read it; "absent" when it is gone."""
        if path in overlay:
            return sha256_of(overlay[path])
        if path not in self._known:
            try:
                self._known[path] = hashlib.sha256((self._root / path).read_bytes()).hexdigest()
            except FileNotFoundError:
                self._known[path] = "absent"
        return self._known[path]

    def answer(self, job: Job, key: str, cache: Cache) -> dict[str, Any] | None:
        """The kept answer to a job with that key, or None."""
        files = self._includes.get(key) or cache.get("includes", key)
        if not isinstance(files, list):
            return None
        content = self.key(job, key, files)
        known: dict[str, Any] | None = self._answers.get(content) or cache.get("answers", content)
        if known is not None:
            self._includes[key], self._answers[content] = files, known
        return known

    def keep(self, job: Job, key: str, answer: dict[str, Any], cache: Cache) -> None:
        """Keep a new answer, for this process and for others."""
        content = self.key(job, key, answer["files"])
        self._includes[key], self._answers[content] = answer["files"], answer
        cache.put("includes", key, answer["files"])
        cache.put("answers", content, answer)

    def key(self, job: Job, key: str, files: Iterable[str]) -> str:
        """What an answer is kept by: the job's key and the bytes of all the files that it read."""
        over = job.question.laid_over
        return digest(key, "\n".join(f"{f}={self.digest(f, over)}" for f in files))


@functools.cache
def _contents(root: Path) -> Contents:
    """Prepared trees do not change while a process looks at them (prepare checked them)."""
    return Contents(root)


class Workers:
    """Processes that read and parse, started when there is first something for two of them.

    Use as a context manager around all that may want them: starting them costs what parsing a unit does.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._count = os.cpu_count() or 1

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def start(self) -> bool:
        """Start them now; whether there is more than one processor for it.

        What goes on in other threads could be cut in half by the fork: it is called in the main one.
        """
        if self._pool is None and self._count > 1:
            fork = multiprocessing.get_context("fork")
            held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # its threads inherit that
            try:
                self._pool = ProcessPoolExecutor(
                    self._count, mp_context=fork, initializer=_begin, initargs=(os.getpid(),)
                )
                self._pool.submit(os.getpid).result()  # they are there only when there is something to do
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return self._pool is not None

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
        """Results in the order of the items, as they become ready."""
        if self._pool is None and (len(items) < 2 or not self.start()):
            return map(function, items)
        assert self._pool is not None
        # Items have most of what they hold in common (a whole tree's edits), which each portion has once.
        sizes = portions(len(items), self._count)
        ends = list(itertools.accumulate(sizes))
        portion = [items[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        futures = [self._pool.submit(_each, function, p) for p in portion]
        return (result for future in futures for result in future.result())


def portions(count: int, workers: int) -> list[int]:
    """Sizes of the portions in which items are handed out, in order: always a part of what is
    left for each worker, so that no one is left with many at the end (guided self-scheduling,
    Polychronopoulos and Kuck 1987)."""
    out: list[int] = []
    while count:
        out.append(max(1, count // (3 * workers)))
        count -= out[-1]
    return out


def _each(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    return [function(i) for i in items]


def _begin(parent: int) -> None:
    """A worker ends with its parent and leaves Ctrl-C to it."""
    gc.disable()  # a worker makes many small objects, keeps none, and does not live long
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    end_with_parent(parent)


_MANY = 40  # units: a second of work, of which one is told


def answers(jobs: Sequence[Job], *, cache: Cache, workers: Workers, what: str) -> list[dict[str, Any]]:
    """The answers to jobs, in order, parsing only what no kept answer covers.

    :param what: for the progress bar.
    :raises XenstageError: (PARSE) the first diagnostic of severity error; (TOOLS) when
        libclang cannot be loaded.
    """
    out: list[dict[str, Any] | None] = [None] * len(jobs)
    keys = [_job_key(j) for j in jobs]
    for i, job in enumerate(jobs):
        out[i] = _contents(job.root).answer(job, keys[i], cache)
    missing = [i for i, a in enumerate(out) if a is None]
    if missing:
        check_libclang()
        progress = Progress(what, len(missing), least=_MANY)
        missing.sort(key=lambda i: -_size(jobs[i]))  # the longest first: no worker is left with it alone
        try:
            for i, got in zip(missing, workers.map(answer, [jobs[i] for i in missing]), strict=True):
                out[i] = got
                _contents(jobs[i].root).keep(jobs[i], keys[i], got, cache)
                progress.step(jobs[i].unit.source)
        except BrokenProcessPool as e:
            raise XenstageError(
                Exit.INFRA,
                "a parsing process died",
                why="libclang crashed in it, or the system ended it (out of memory?)",
                remedy="run the same command again; what was parsed is kept",
            ) from e
        progress.close()
    return [a for a in out if a is not None]


def _size(job: Job) -> int:
    try:
        return (job.root / job.unit.source).stat().st_size
    except OSError:
        return 0


def _job_key(job: Job) -> str:
    # The place of the cache is no part of it: the prepared tree's key says which tree it is.
    unit = [a.replace(str(job.root), "@") for a in (job.unit.source, job.unit.cwd, *job.unit.args)]
    return digest(parse.FORMAT, _version(), job.root.parent.name, job.target, *unit, "\0", *job.question.key)


@functools.cache
def _version() -> str:
    return importlib.metadata.version("libclang")
