"""Several processes that do one piece of work together: each does its part, and all of them have all of it.

Every process runs the same program on the same input. Where a loop reaches work that can be parted, each does what its
rank says, and the parts go round (`each`), so that all hold the same state, to the last bit, whatever their number;
what cannot be parted all do alike, and the first one alone writes (`in_first`). Nothing here begins processes: `join`
takes those that torch's launcher began. Until then there is one, and every function is free.

A failure of one is raised in all: as what it was where it is a mistake of the user's, a full memory included, so that
all halve their micro-batch together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from edgewise.errors import EdgewiseError, LostProcessError, ProcessError, in_words
from edgewise.out_of_memory import is_out_of_memory

Made = TypeVar("Made")
# A process that dies is noticed by its connections and by the launcher; this only bounds how long one may work alone.
PATIENCE = timedelta(days=7)
RANK, SIZE, LOCAL_RANK, LOCAL_SIZE = "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"
_joined = False


@dataclass(frozen=True)
class _Failure:
    """What went wrong in a process.

    Args:
        error: the mistake, where it is one of the user's or of memory; None for anything else.
        words: what to say of it.
    """

    error: EdgewiseError | MemoryError | None
    words: str


def launched() -> bool:
    """Whether torch's launcher began this process beside others."""
    return RANK in os.environ and int(os.environ.get(SIZE, "1")) > 1


def join() -> None:
    """From here on, work together with the processes that torch's launcher (``torchrun``) began beside this one.

    Raises:
        ProcessError: this process was not begun by a launcher, or cannot reach the others.
    """
    global _joined
    if not launched():
        raise ProcessError("this process was not begun by torchrun; use --processes N, or torchrun -m edgewise")
    import torch
    from torch import distributed

    try:
        backend = "gloo"
        if torch.cuda.is_available():
            backend = "cpu:gloo,cuda:nccl"
            torch.cuda.set_device(int(os.environ.get(LOCAL_RANK, "0")) % torch.cuda.device_count())
        distributed.init_process_group(backend, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise ProcessError(f"process {os.environ[RANK]} cannot reach the others: {_line(error)}") from error
    _joined = True


def part() -> None:
    """From here on, each works alone; all get here, or none does."""
    global _joined
    if _joined:
        from torch import distributed

        gather(None)
        _joined = False
        distributed.destroy_process_group()


def size() -> int:
    """How many processes work together."""
    return int(os.environ[SIZE]) if _joined else 1


def rank() -> int:
    """Which of them this one is, from 0 on."""
    return int(os.environ[RANK]) if _joined else 0


def first() -> bool:
    """Whether this is the one that writes and prints."""
    return rank() == 0


def here() -> int:
    """How many of them share this machine's memory."""
    return int(os.environ.get(LOCAL_SIZE, size())) if _joined else 1


def gather(part: Made) -> list[Made]:
    """Every process's part, by rank.

    Raises:
        ProcessError: another one has gone.
    """
    if not _joined:
        return [part]
    from torch import distributed

    parts: list[Made] = [part] * size()
    try:
        distributed.all_gather_object(parts, part)
    except RuntimeError as error:
        again = "the launcher says which, and the same command goes on from what is stored"
        raise LostProcessError(f"process {rank()} lost another one ({_reason(error)}); {again}") from error
    return parts


def require_alike(values: Mapping[str, object]) -> None:
    """Require what is worked on to be the same in every process.

    Args:
        values: name -> what must be alike.

    Raises:
        ProcessError: naming the first process and the first value that differ.
    """
    every = gather(dict(values))
    for number, theirs in enumerate(every):
        if (name := _different(every[0], theirs)) is not None:
            raise ProcessError(
                f"process {number} has another {name} than the first; give all the same files and versions"
            )


def _different(one: Mapping[str, object], other: Mapping[str, object]) -> str | None:
    """The name of the first value that differs, as deep down as there are names."""
    for name in [*one, *(name for name in other if name not in one)]:
        mine, theirs = one.get(name), other.get(name)
        if mine != theirs:
            inner = _different(mine, theirs) if isinstance(mine, Mapping) and isinstance(theirs, Mapping) else None
            return inner or name
    return None


def each(make: Callable[[], Made]) -> list[Made]:
    """Do this process's part, and have every process's, by rank.

    Raises:
        EdgewiseError: what went wrong in any of them; MemoryError likewise.
        ProcessError: anything else that went wrong in another one.
    """
    if not _joined:
        return [make()]
    own: Made | _Failure
    raised: Exception | None = None
    try:
        own = make()
    except Exception as error:
        raised, own = error, _failure(error)
    parts = gather(own)
    if raised is not None:
        raise raised
    for number, part in enumerate(parts):
        if isinstance(part, _Failure):
            raise part.error or ProcessError(f"process {number}: {part.words}")
    return [part for part in parts if not isinstance(part, _Failure)]


def agree(make: Callable[[], Made]) -> Made:
    """Do something in every process whose result stays there; where one fails, all do. Raises as `each`."""
    made: list[Made] = []
    each(lambda: made.append(make()))
    return made[0]


def in_first(do: Callable[[], object]) -> None:
    """Let the first process do something on its own, and go on when it is done; where it fails, all do.

    Within, it is alone: what it calls waits for nobody. Raises as `each`.
    """

    def unless_another() -> None:
        if first():
            with _alone():
                do()

    each(unless_another)


@contextmanager
def _alone() -> Iterator[None]:
    global _joined
    before, _joined = _joined, False
    try:
        yield
    finally:
        _joined = before


def _failure(error: Exception) -> _Failure:
    if is_out_of_memory(error):
        return _Failure(MemoryError(f"out of memory in process {rank()}: {_line(error)}"), "")
    return _Failure(error if isinstance(error, EdgewiseError) else None, f"{type(error).__name__}: {_line(error)}")


def _reason(error: BaseException) -> str:
    """What gloo or nccl says, without the place in its code and its advice."""
    return re.sub(r"^\[\S*:\d+\] ", "", _line(error)).partition(". This is typically")[0]


def _line(error: BaseException) -> str:
    return in_words(error, 300)
