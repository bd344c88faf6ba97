"""Fingerprints of what a config only names: the model's files, its config where that lies elsewhere, the data file.

A run is the same only when the model and the data behind its names are the same too. Every file that is read is read
whole: a file's size and times say nothing of a weight in its middle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from edgewise.errors import DataError, ModelError
from edgewise.metrics.own import is_own, own_digest
from edgewise.runs.config import RunConfig
from edgewise.settings.memory_names import is_of_memory
from edgewise.tasks.hub import hub_digest, is_hub
from edgewise.tasks.templates import is_template
from edgewise.tasks.templates.shipped import TemplateTask

_BLOCK = 1 << 20
_MOST_NAMED = 3
# What stands before the name of one of the model's files.
PART = "model/"
Identity = dict[str, str | None]


def identity(config: RunConfig) -> Identity:
    """Return fingerprints of the model, of its config file and of the data file; None where there is none to take.

    Beside that of the whole model under ``model`` stand those of its parts, such as ``model/config.json``.

    Raises:
        DataError: the data file cannot be read.
        ModelError: the model's or the config file cannot be read.
    """
    return given_digests(config) | model_identity(config)


def given_digests(config: RunConfig) -> Identity:
    """The part of `identity` that no model is needed for, and that is soon told."""
    return {
        "config": None if config.config is None else config_digest(config.config),
        "data": None if config.data is None else data_digest(config.data),
    } | dict(_more_digests(config))


def _more_digests(config: RunConfig) -> Iterator[tuple[str, str | None]]:
    """Of what only some configs name: a template's file, and code of a metric."""
    if config.task and is_template(config.task):
        yield "template", TemplateTask(Path(config.task)).digest
    if config.metric and is_own(config.metric):
        yield "metric", own_digest(config.metric)


def model_identity(config: RunConfig) -> Identity:
    """The part of `identity` that is the model's."""
    parts = model_parts(
        config.model,
        config=config.config,
        adapter=config.adapter,
        gguf_file=config.gguf_file,
        code=config.trust_remote_code,
    )
    return {"model": _joined(parts), **{f"{PART}{name}": digest for name, digest in parts.items()}}


def changed(there: Mapping[str, str | None], here: Mapping[str, str | None]) -> tuple[str, ...]:
    """One phrase for each fingerprint that is another one than recorded; one not known on one side says nothing.

    Args:
        there: the recorded ones.
        here: those of now.
    """
    return tuple(
        f"the files behind {name} have changed{_which(there, here) if name == 'model' else ''}"
        for name, now in here.items()
        if "/" not in name and now is not None and there.get(name) not in (None, now)
    )


def content_digest(path: Path) -> str:
    """SHA-256 of a file. Raises OSError when it cannot be read."""
    state = path.stat()
    return _sha256(path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def data_digest(path: str) -> str:
    """SHA-256 of a data file, or of a dataset's rows. Raises DataError when it cannot be read."""
    if is_hub(path):
        return hub_digest(path)
    try:
        return content_digest(Path(path))
    except OSError as error:
        raise DataError(
            f"data file '{path}' cannot be read ({error.strerror}); check the path given to --data"
        ) from error


def config_digest(path: str) -> str:
    """SHA-256 of a config file. Raises ModelError when it cannot be read."""
    try:
        return content_digest(Path(path))
    except OSError as error:
        raise ModelError(
            f"config file '{path}' cannot be read ({error.strerror}); check the path given to --config"
        ) from error


def model_parts(
    name: str,
    *,
    config: str | None = None,
    adapter: str | None = None,
    gguf_file: str | None = None,
    code: bool = False,
) -> dict[str, str]:
    """SHA-256 of each file that a model is read from, of the weights of one that is built by hand, or cached commits.

    Of a model in memory (`edgewise.models.in_memory`) its class, and the digests of its config and weights.

    Args:
        name: what the user called the model.
        config: its config, where that lies elsewhere.
        adapter: folder or hub name of the adapter that is merged into it.
        gguf_file: the GGUF file of its folder or repository that is read.
        code: whether code that it carries is run.

    Returns:
        By name; empty where the model or the adapter is not known: a hub name that is not in the local cache.

    Raises:
        ModelError: a built model that there is not, or files that cannot be read.
    """
    from edgewise.models import built, in_memory

    if is_of_memory(name):
        return in_memory.parts(name)
    if built.kind_of(name) and config is None:
        parts = {"weights": built.digest(name)}
    else:
        parts = _base(name, config, gguf_file, code)
    more = {} if adapter is None else _adapter(adapter)
    return {} if not parts or (adapter is not None and not more) else parts | more


def _base(name: str, config: str | None, gguf_file: str | None, code: bool) -> dict[str, str]:
    from edgewise.models import files

    place = files.local(name)
    if place is None:
        wanted = files.CONFIG if gguf_file is None else gguf_file
        place = files.cached(name, wanted)
        parts = {} if place is None else {"commit": place.name}
    else:
        own = files.model_files(place, config, gguf_file)
        parts = _digests(own | (files.code_files(place) if code else {}))
    if code and place is not None:
        parts |= {f"code of {owner}": commit for owner, commit in files.code_elsewhere(place).items()}
    return parts


def _adapter(name: str) -> dict[str, str]:
    from edgewise.models import files
    from edgewise.models.pretrained import adapters

    if Path(name).is_dir():
        parts = _digests(files.adapter_files(Path(name)))
    else:
        commit = files.cached_commit(name, adapters.CONFIG)
        parts = {} if commit is None else {"commit": commit}
    return {f"adapter/{part}": digest for part, digest in parts.items()}


def _digests(paths: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of files by name, side by side: shards are many and large."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(paths, pool.map(_readable_digest, paths.values()), strict=True))


def _readable_digest(path: Path) -> str:
    try:
        return content_digest(path)
    except OSError as error:
        raise ModelError(f"model file '{path}' cannot be read ({error.strerror}); check its permissions") from error


def _joined(parts: Mapping[str, str]) -> str | None:
    """One fingerprint of all parts; that of a single part is its own."""
    if len(parts) < 2:
        return next(iter(parts.values()), None)
    lines = "".join(f"{name}\0{parts[name]}\n" for name in sorted(parts))
    return hashlib.sha256(lines.encode()).hexdigest()


def _which(there: Mapping[str, str | None], here: Mapping[str, str | None]) -> str:
    """Which of the model's files, where both sides name them."""
    then, now = (
        {name.removeprefix(PART): digest for name, digest in side.items() if name.startswith(PART)}
        for side in (there, here)
    )
    if not then or not now:
        return ""
    said = [f"{name} differs" for name in then if name in now and then[name] != now[name]]
    said += [f"{name} is read too" for name in now if name not in then]
    said += [f"{name} is no longer read" for name in then if name not in now]
    more = [f"{len(said) - _MOST_NAMED} more"] if len(said) > _MOST_NAMED else []
    return f": {', '.join([*said[:_MOST_NAMED], *more])}"


@lru_cache(maxsize=1024)
def _sha256(path: Path, *state: int) -> str:
    """SHA-256 of a file; one whose size and times are as they were (`state`) is not read again by this process.

    The time of its last change of any kind is among them, which no program can set back.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
