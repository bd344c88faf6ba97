"""Metrics of the user's own: a function of Python's, or one of a file, ``my.py:function``.

Code runs only where the user names it: with a command, or in a call. `give` takes it then, and this process knows the
metric by its name from there on; a name that stands in a run folder, a template or another file gives nothing, and
`get_metric` refuses it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from torch import Tensor

from edgewise.errors import EdgewiseError, MetricError, did_you_mean
from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric, MetricFunction
from edgewise.out_of_memory import is_out_of_memory

SUFFIX = ".py"
OF_PYTHON = "python:"
_MODULE = "edgewise_metric_"


@dataclass(frozen=True)
class Given:
    """A metric that the user named.

    Args:
        metric: the metric, of the name by which it was given.
        digest: SHA-256 of the file it is from, or of the function's source; None where there is none to read.
    """

    metric: Metric
    digest: str | None


_GIVEN: dict[str, Given] = {}


def give(metric: str | Metric | Callable[..., Any]) -> str:
    """Take a metric that the user named, and return the name by which it is known from then on.

    A file, ``path.py:name``, is read and run. The name of a registered metric is returned as it is.

    Raises:
        MetricError: a file that cannot be read or run, or that has nothing of that name to call.
    """
    if isinstance(metric, str):
        if is_file(metric):
            _GIVEN[metric] = _of_file(metric)
        return metric
    if not callable(metric):
        raise MetricError(f"metric {metric!r} is neither a name nor a function")
    own = metric if isinstance(metric, Metric) else of_function(metric)
    name = f"{OF_PYTHON}{own.name}"
    _GIVEN[name] = Given(guarded(replace(own, name=name)), _source_digest(own.fn))
    return name


def is_own(name: str) -> bool:
    """Whether a name is that of code of the user's."""
    return is_file(name) or name.startswith(OF_PYTHON)


def is_file(name: str) -> bool:
    """Whether a name is that of a metric in a file."""
    return name.endswith(SUFFIX) or name.rpartition(":")[0].endswith(SUFFIX)


def own_metric(name: str) -> Metric:
    """The metric that was given by a name. Raises MetricError where none was."""
    if name in _GIVEN:
        return _GIVEN[name].metric
    if is_file(name):
        raise MetricError(
            f"metric '{name}' is code of a file, which runs only where the command names it; look at that code, and add"
            f" --metric {name} to run it"
        )
    raise MetricError(
        f"metric '{name}' is a function of the Python that named it; call the function of edgewise from there, with"
        " metric= that function"
    )


def own_digest(name: str) -> str | None:
    """SHA-256 of a metric's code: of what was run, else of the file as it is now; None where there is none to read."""
    if name in _GIVEN:
        return _GIVEN[name].digest
    path = Path(name.rpartition(":")[0])
    return hashlib.sha256(_read(name, path)).hexdigest() if is_file(name) else None


def of_function(function: MetricFunction) -> Metric:
    """A function as a metric: its name, and the first line that it says of itself."""
    name = getattr(function, "__name__", type(function).__name__)
    first_line = (function.__doc__ or "").strip().partition("\n")[0]
    return Metric(name=name, fn=function, summary=first_line or "a function of the user's own")


def guarded(metric: Metric) -> Metric:
    """The same metric, of which an exception says in one line what is wrong, and where."""
    function = metric.fn

    def fn(logits: Tensor, batch: MetricBatch) -> Tensor:
        try:
            return function(logits, batch)
        except EdgewiseError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # one that ends the program has no number either
            if is_out_of_memory(error):
                raise
            raise MetricError(f"metric '{metric.name}' raised {_told(error, function)}{_hint(error)}") from error

    return replace(metric, fn=fn)


def _of_file(name: str) -> Given:
    place, _, attribute = name.rpartition(":")
    if not place.endswith(SUFFIX):
        place, attribute = name, ""
    path = Path(place)
    source = _read(name, path)
    code, known = _compiled(name, path, source)
    if not attribute:
        raise MetricError(f"metric '{name}': name what is to be called, {path}:NAME{_there(known)}")
    found = _run(name, path, code).get(attribute)
    if found is None:
        raise MetricError(
            f"metric '{name}': {path} has no '{attribute}'{did_you_mean(attribute, known) or _there(known)}"
        )
    if not callable(found):
        raise MetricError(f"metric '{name}': '{attribute}' is {type(found).__name__}; give a function or a Metric")
    own = found if isinstance(found, Metric) else of_function(found)
    return Given(guarded(replace(own, name=name)), hashlib.sha256(source).hexdigest())


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MetricError(f"metric '{name}': {path} cannot be read ({error.strerror}); check the path") from error


def _compiled(name: str, path: Path, source: bytes) -> tuple[CodeType, tuple[str, ...]]:
    """The code of a file, and what it defines, told without running it."""
    try:
        tree = ast.parse(source, str(path))
        code = compile(tree, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise MetricError(f"metric '{name}': {path}{line}: {said}; it is not Python") from error
    functions = (one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef))
    values = (
        target.id
        for one in tree.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name)
    )
    return code, (*functions, *values)


def _run(name: str, path: Path, code: CodeType) -> dict[str, Any]:
    module = ModuleType(f"{_MODULE}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}")
    module.__file__ = str(path)
    # Where dataclasses and the like look for what they are made in.
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 - the user named this file with this command
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it does: a file that ends the program has no metric either
        raise MetricError(f"metric '{name}': {path} raised {_told(error, None, str(path))}") from error
    return module.__dict__


def _told(error: BaseException, function: MetricFunction | None, file: str | None = None) -> str:
    """An exception in words, with the last line of the user's own code that it went through."""
    if file is None:
        code = getattr(inspect.unwrap(function), "__code__", None) if function else None
        file = code.co_filename if code else None
    words = " ".join(str(error).split())
    said = f"{type(error).__name__}: {words:.200}" if words else type(error).__name__
    lines = (
        [frame.lineno for frame in inspect.getinnerframes(error.__traceback__) if frame.filename == file]
        if (error.__traceback__ is not None and file is not None)
        else []
    )
    return f"{said} (line {lines[-1]} of {Path(file).name})" if lines and file else said


def _hint(error: BaseException) -> str:
    if isinstance(error, AttributeError | TypeError) and "NoneType" in str(error):
        return (
            "; what compares with the clean or the corrupted run is a Metric with needs_clean_logits=True or"
            " needs_corrupted_logits=True"
        )
    return "; it gets logits [batch, n_positions, vocab] and a MetricBatch"


def _there(known: tuple[str, ...]) -> str:
    return f"; it has {', '.join(known)}" if known else "; it defines nothing"


def _source_digest(function: MetricFunction) -> str | None:
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):  # typed into an interpreter, or not written in Python
        return None
