"""Kill commands at chosen moments, start them again, and compare all that they leave with a run that was left alone.

Every command runs in a process that is forked from one that has imported everything and run nothing, so that a kill
meets the work and not the imports. A moment is a number of events, not of seconds, so that a slow machine is killed
where a fast one is:

- ``changes``: just before the file system is changed (a file opened for writing, filled, flushed, renamed, linked or
  removed, its mode set, a folder made or removed), or with half of the file written that is being flushed;
- ``modules``: before a module of the model is called;
- ``clock``: after some of the time that the command takes.

The clocks that results are dated and timed by stand still, so that files are compared byte for byte.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from edgewise.models import load_model
from kill_cases import Case

CHANGES, MODULES, CLOCK = "changes", "modules", "clock"
FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
# With these no change at all is made; with the others, those that take no room.
NOTHING = (errno.EROFS, errno.EIO)
FREE = ("rename", "unlink", "rmdir", "chmod")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
AUDITED = {
    "os.rename": "rename",
    "os.remove": "unlink",
    "os.rmdir": "rmdir",
    "os.mkdir": "mkdir",
    "os.link": "link",
    "os.symlink": "link",
    "os.chmod": "chmod",
    "os.truncate": "truncate",
}
_RANDOM = re.compile(r"\.\d+-[0-9a-f]{8}\.edgewise-tmp|\d+")
# Modules that date their results.
DATED = (
    "edgewise.runs.discover",
    "edgewise.runs.neurons",
    "edgewise.runs.reselect",
    "edgewise.runs.resume",
    "edgewise.evaluation.evaluate",
)
# A process that has imported what most commands need and run nothing, and forks others.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["killing", "edgewise.cli.main", "edgewise.runs.contest", "edgewise.runs.methods.acdc"])
# What a process that breaks down, and does not end by itself, exits with.
BROKEN = 99


@dataclass(frozen=True)
class Moment:
    """When a process kills itself, or its disk fails.

    Args:
        kind: what is counted.
        number: which of these, from 1; of the clock, the share of the time that the command takes.
        torn: whether half of what is being flushed is lost.
        path: the end of a path: just before something is renamed to it, in place of a number.
        fails: in place of a kill: what the system says from then on of every change that takes room, or where nothing
            may be written, of every change.
    """

    kind: str
    number: float = 0
    torn: bool = False
    path: str = ""
    fails: int = 0


@dataclass
class Watched:
    """What happened in a process.

    Args:
        changes: of the file system, as pairs of kind and path.
        modules: calls of modules of the model.
        seconds: that it took.
    """

    changes: list[tuple[str, str]] = field(default_factory=list)
    modules: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What came of one folder.

    Args:
        case: the command's name.
        number: which of its trials.
        moments: when it was killed.
        fault: what was wrong in the end; None where all was as in a run that was left alone.
    """

    case: str
    number: int
    moments: tuple[Moment, ...]
    fault: str | None


class Stage:
    """Runs commands in forked processes; the process that holds it must never have run one itself."""

    def __init__(self, home: Path) -> None:
        """Make room for what they say.

        Args:
            home: a folder of its own.
        """
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.said = home / "said"
        self._seen = home / "seen.json"
        # What every command would find out again: which settings a model's code reads. No gradient is taken here, which
        # a fork does not survive.
        load_model("demo")

    def run(self, arguments: Sequence[str], folder: Path, moment: Moment | None = None, seconds: float = 0.0) -> int:
        """Run one command in a folder; return its exit code, or minus the signal that ended it.

        Args:
            arguments: the command line.
            folder: where it is run.
            moment: when it dies.
            seconds: that it takes when it is left alone.
        """
        code = forked(lambda: _command(arguments, folder, moment, seconds, self.said, self._seen))
        self._import_what_was_needed()
        return code

    @property
    def watched(self) -> Watched:
        """What happened in the last command, which ended by itself."""
        return watched_in(self._seen)

    def last_words(self) -> str:
        """What the last command said on stderr."""
        return self.said.read_text(errors="replace")[-2000:]

    def _import_what_was_needed(self) -> None:
        """As `import_all`, of the last command."""
        if self._seen.exists():
            import_all(json.loads(self._seen.read_text())["imported"])


def import_all(names: Sequence[str]) -> None:
    """Import here what a forked process had to import, so that the next one need not."""
    for name in names:
        if name not in sys.modules and "__main__" not in name:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def watched_in(file: Path) -> Watched:
    """What happened in a command, which ended by itself."""
    values = json.loads(file.read_text())["watched"]
    return Watched([(kind, path) for kind, path in values["changes"]], values["modules"], values["seconds"])


def forked(work: Callable[[], int]) -> int:
    """Do some work in a process of its own; return its exit code, or minus the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        code = BROKEN
        try:
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def started(arguments: Sequence[str], folder: Path, moment: Moment | None = None) -> Any:
    """Start a command in a process of its own, from one that has run nothing; it goes on while the caller does.

    Args:
        arguments: the command line.
        folder: where it is run; what it says goes to ``said`` beside it, what happened to ``seen.json``.
        moment: when it dies.
    """
    said, seen = folder.parent / "said", folder.parent / "seen.json"
    process = CONTEXT.Process(target=_exit_with, args=(tuple(arguments), folder, moment, 0.0, said, seen))
    process.start()
    return process


def _exit_with(*command: Any) -> None:
    os._exit(_command(*command))


def _command(
    arguments: Sequence[str], folder: Path, moment: Moment | None, seconds: float, said: Path, seen: Path
) -> int:
    import torch

    from edgewise.cli.main import run

    seen.unlink(missing_ok=True)
    torch.set_num_threads(1)
    # Tests that run in the background ignore interrupts, and so would their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(said)
    os.chdir(folder)
    stop_clocks()
    _draw_no_pixels()
    _store_every_state()
    watched, begun = Watched(), time.monotonic()
    with _watching(watched, folder, moment):
        if moment is not None and moment.kind == CLOCK:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, max(1e-4, moment.number * seconds))
        code = run(arguments)
        signal.setitimer(signal.ITIMER_REAL, 0)
    watched.seconds = time.monotonic() - begun
    seen.write_text(json.dumps({"watched": asdict(watched), "imported": list(sys.modules)}))
    return code


def _redirect(said: Path) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def stop_clocks() -> None:
    """Let the clocks by which our own modules date and time stand still, in this process."""
    for name in DATED:
        importlib.import_module(name)
    still = types.SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0, time=lambda: 0.0)
    for name, module in list(sys.modules.items()):
        if name.startswith("edgewise"):
            if getattr(module, "time", None) is time:
                module.time = still  # type: ignore[attr-defined]
            if getattr(module, "datetime", None) is datetime:
                module.datetime = _Still  # type: ignore[attr-defined]


class _Still(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime(2026, 1, 1, tzinfo=tz)


def _draw_no_pixels() -> None:
    """Leave PNG out, which takes most of the time and holds nothing that SVG does not."""
    from edgewise.report import files

    files.png = files.chart_png = lambda picture, *, dark=False: b"dark" if dark else b"light"


def _store_every_state() -> None:
    from edgewise.runs import resume
    from edgewise.runs.store.checkpoint import Saver

    resume.Saver = lambda save: Saver(save, least=0.0)  # type: ignore[assignment,misc]


@contextlib.contextmanager
def _watching(watched: Watched, folder: Path, moment: Moment | None) -> Iterator[None]:
    """Count the events of this process from now on, and kill it at a moment."""
    import torch

    home, on = f"{folder.resolve()}/", [True]

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def within(path: Any, of: Any = -1) -> str | None:
        if isinstance(path, int):
            path = _opened(path)
        elif isinstance(of, int) and of >= 0:
            path = f"{_opened(of)}/{os.fsdecode(path)}"
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  which asks nothing of the file system
        return full.removeprefix(home) if full.startswith(home) else None

    def changes(kind: str, path: str | None, torn: Callable[[], None] | None = None) -> None:
        if path is None or not on[0]:
            return
        watched.changes.append((kind, path))
        if moment is not None and moment.fails:
            if len(watched.changes) >= moment.number and (moment.fails in NOTHING or kind not in FREE):
                where = () if kind in ("fsync", "write") else (str(folder / path),)
                raise OSError(moment.fails, os.strerror(moment.fails), *where)
        elif moment is not None and moment.kind == CHANGES and moment.number == len(watched.changes):
            on[0] = False
            if moment.torn and torn is not None:
                torn()
            die()
        if moment is not None and moment.path and kind == "rename" and path.endswith(moment.path):
            die()

    def audited(event: str, given: tuple[Any, ...]) -> None:
        if not on[0]:
            return
        if event == "open" and given[2] & WRITING and not isinstance(given[0], int):
            changes("open", within(given[0]))
        elif event in ("os.rename", "os.link", "os.symlink"):
            changes(AUDITED[event], within(given[1]))
        elif event in ("os.remove", "os.rmdir"):
            changes(AUDITED[event], within(given[0], given[1]))
        elif event in AUDITED:
            changes(AUDITED[event], within(given[0]))

    def called(*_: Any) -> None:
        watched.modules += 1
        if moment is not None and moment.kind == MODULES and moment.number == watched.modules:
            die()

    really = {name: getattr(os, name) for name in ("fsync", "write")}

    def fsync(handle: int) -> None:
        changes("fsync", within(handle), lambda: _cut(handle))  # and that is all: a kill takes nothing from the system

    def write(handle: int, data: bytes) -> int:
        changes("write", within(handle))
        return int(really["write"](handle, data))

    os.fsync, os.write = fsync, write  # type: ignore[assignment]
    hook = torch.nn.modules.module.register_module_forward_pre_hook(called)
    sys.addaudithook(audited)
    try:
        yield
    finally:
        on[0] = False
        hook.remove()
        os.fsync, os.write = really["fsync"], really["write"]


def _opened(handle: int) -> str:
    """The path that a handle was opened by."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115
    except OSError:
        return ""


def _cut(handle: int) -> None:
    """Let half of a file be all that reached the disk."""
    with contextlib.suppress(OSError):  # a folder
        os.ftruncate(handle, os.fstat(handle).st_size // 2)


class Ordeal:
    """One command: what it leaves when it is left alone, and trials of it that are killed."""

    def __init__(self, case: Case, stage: Stage) -> None:
        """Run it once.

        Args:
            case: the command.
            stage: where it is run.
        """
        self.case, self.stage = case, stage
        self.home = stage.home / re.sub(r"[^a-z0-9]+", "-", case.name)
        self.template, whole = self.home / "template", self.home / "whole"
        self.template.mkdir(parents=True)
        for command in case.before:
            self._must_end(command, self.template)
        for _ in range(2):  # what is imported on the way is none of it
            shutil.rmtree(whole, ignore_errors=True)
            shutil.copytree(self.template, whole)
            self._must_end(case.arguments, whole)
        self.events, self.whole = stage.watched, contents(whole)

    def _must_end(self, arguments: Sequence[str], folder: Path) -> None:
        code = self.stage.run(arguments, folder)
        if code != 0:
            raise RuntimeError(f"{' '.join(arguments)}: exit code {code}: {self.stage.last_words()}")

    def moments(self, number: int, rng: Random) -> tuple[Moment, ...]:
        """When a trial is killed: every kind of change of every file first, then anywhere; and some a second time."""
        first = (
            self._at_change(self._kinds()[number // 2], rng)
            if number % 2 == 0 and number // 2 < len(self._kinds())
            else self._anywhere(rng)
        )
        if rng.random() < 0.35:
            return first, Moment(CHANGES, rng.randint(1, 12), rng.random() < 0.5)
        return (first,)

    def _kinds(self) -> list[int]:
        """The number of the first change of every kind to every file, and that of the last."""
        places: dict[tuple[str, str], list[int]] = {}
        for at, (kind, path) in enumerate(self.events.changes, start=1):
            places.setdefault((kind, _RANDOM.sub("*", path)), []).append(at)
        return sorted({at for found in places.values() for at in (found[0], found[-1])})

    def _at_change(self, number: int, rng: Random) -> Moment:
        return Moment(CHANGES, number, rng.random() < 0.5)

    def _anywhere(self, rng: Random) -> Moment:
        kind = rng.choice((CHANGES, CHANGES, MODULES, CLOCK))
        if kind == CHANGES:
            return self._at_change(rng.randint(1, len(self.events.changes)), rng)
        if kind == MODULES and self.events.modules:
            return Moment(MODULES, rng.randint(1, self.events.modules))
        return Moment(CLOCK, round(rng.uniform(0.02, 0.98), 3))

    def trial(self, number: int, seed: int) -> Trial:
        """Kill the command in a folder of its own, let it end, and compare all that is there."""
        rng = Random(f"{seed} {self.case.name} {number}")
        folder, met, fault = self._anew(), [], None
        for moment in self.moments(number, rng):
            code = self.stage.run(self.case.arguments, folder, moment, self.events.seconds)
            if code in (-signal.SIGKILL, -signal.SIGALRM):
                met.append(moment)
            elif code != 0:
                fault = f"exit code {code} after {len(met)} kills: {self.stage.last_words()}"
        return Trial(self.case.name, number, tuple(met), fault or self._unlike(folder))

    def failing(self, number: int, seed: int) -> Trial:
        """Let the disk fail at a change, and again once there is room: one line, and in the end the same files."""
        rng = Random(f"{seed} {self.case.name} {number} fails")
        folder = self._anew()
        kinds = self._kinds()
        at = kinds[number] if number < len(kinds) else rng.randint(1, len(self.events.changes))
        moment = Moment(CHANGES, at, fails=rng.choice(FAILURES))
        code = self.stage.run(self.case.arguments, folder, moment)
        return Trial(self.case.name, number, (moment,), self._unclear(code) or self._unlike(folder))

    def _unclear(self, code: int) -> str | None:
        """What is wrong with how a command ended whose disk failed; what is only tidied up may fail unsaid."""
        said = self.stage.last_words()
        lines = [line for line in said.splitlines() if not line.startswith("edgewise: warning: ")]
        one = len(lines) == 1 and lines[0].startswith("edgewise: error: ") and "unforeseen" not in said
        if code == 0 or (
            code == 2 and one and (str(self.home) in said or "folder " in said or re.search(r"\b(out|first)\b", said))
        ):
            return None
        return f"exit code {code}: {said}"

    def _anew(self) -> Path:
        folder = self.home / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.template, folder))

    def _unlike(self, folder: Path) -> str | None:
        """What is wrong when the command is run to its end."""
        code = self.stage.run(self.case.arguments, folder)
        if code:
            return f"exit code {code} in the end: {self.stage.last_words()}"
        return different(self.whole, contents(folder))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder, by path: the bytes of files, None of folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def different(whole: dict[str, bytes | None], found: dict[str, bytes | None]) -> str | None:
    """The paths that differ, in words; None where there are none."""
    missing, more = sorted(whole.keys() - found.keys()), sorted(found.keys() - whole.keys())
    other = [path for path in whole if path in found and whole[path] != found[path]]
    said = {"missing": missing, "too many": more, "different": other}
    return "; ".join(f"{word}: {', '.join(paths)}" for word, paths in said.items() if paths) or None
