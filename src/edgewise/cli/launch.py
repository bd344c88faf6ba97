"""`--processes N`: the same command in N processes, which torch's launcher begins, watches and ends together."""

from __future__ import annotations

import atexit
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NoReturn

from edgewise import processes
from edgewise.errors import SettingError

OPTION = "--processes"
# Set by this launcher alone: it says what went wrong, so that the processes need not.
BY_US = "EDGEWISE_LAUNCHED"
# The exit code of a process that lost another one, which says more.
LOST = 3
# Seconds in which the first process may say what another one found too.
GRACE = 3.0
_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"


def processes_asked(given: Sequence[str]) -> tuple[list[str], int]:
    """The command line without ``--processes N``, and N; 1 where it is not there.

    Raises:
        SettingError: no number, or one below 1.
    """
    left, number = [], "1"
    words = iter(given)
    for word in words:
        if word == OPTION:
            number = next(words, "")
        elif word.startswith(f"{OPTION}="):
            number = word.partition("=")[2]
        else:
            left.append(word)
    if not number.isdecimal() or int(number) < 1:
        raise SettingError(f"{OPTION} is {number!r}; give a number of processes, 1 or more")
    return left, int(number)


def launch(given: Sequence[str], n: int) -> int:
    """Run a command in n processes of this machine, and return the exit code of the first, or of what went wrong."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from edgewise.cli.output import note

    # Threads that wait for each other's core are far slower than one a core.
    threads = max(1, (os.cpu_count() or 1) // n)
    os.environ |= {BY_US: "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=n,
        run_id=secrets.token_hex(4),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        elastic_launch(config, sys.executable)("-m", "edgewise", *given)
    except ChildFailedError as error:
        code, words = _said(error.failures)
        if words:
            note(f"error: {words}")
        return code
    except SignalException:
        return 130
    return 0


@contextmanager
def together() -> Iterator[None]:
    """Join the processes that a launcher began beside this one; all but the first are silent."""
    if not processes.launched():
        yield
        return
    processes.join()
    if processes.first():
        yield
    else:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    processes.part()


def leave(code: int) -> NoReturn:
    """End this process without the interpreter's own end, which aborts where gloo's threads still hold a tensor."""
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def launched_by_us() -> bool:
    """Whether `launch` began this process, and says what went wrong."""
    return BY_US in os.environ


def is_another() -> bool:
    """Whether this is a process beside the first."""
    return processes.launched() and os.environ[processes.RANK] != "0"


def tell_launcher(line: str) -> None:
    """Leave word of what went wrong in this process where the launcher looks; the first may say the same meanwhile."""
    if path := os.environ.get(_ERROR_FILE):
        said = {"message": line, "extraInfo": {"timestamp": str(int(time.time()))}}
        Path(path).write_text(json.dumps({"message": said}))
    time.sleep(GRACE)


def _said(failures: Mapping[int, Any]) -> tuple[int, str]:
    """The exit code, and what to say: nothing where the first process has said it."""
    first = failures.get(0)
    if first is not None and first.exitcode in (1, 2, 130):
        return int(first.exitcode), ""
    # The launcher ends the others by SIGTERM.
    later = (LOST, -signal.SIGTERM)
    rank, found = min(failures.items(), key=lambda item: (item[1].exitcode in later, item[1].timestamp, item[0]))
    if found.exitcode < 0:
        again = "the same command goes on from what is stored"
        return 2, f"process {rank} was ended by {found.signal_name()}, and the others with it; {again}"
    return 2, f"process {rank}: {found.message}"
