"""Fingerprints of what a config only names: the model's files, its config where that lies elsewhere, the data file.

A run is the same only when the model and the data behind its names are the same too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgewise.errors import DataError, ModelError
from edgewise.runs.config import RunConfig

_BLOCK = 1 << 20
# Above this a file's ends, size and time of change stand for its content: reading all of it would take as
# long as loading the model.
_WHOLE = 1 << 30
_END = 1 << 23
_MODEL_FILES = ("*.json", "*.safetensors", "*.bin", "*.pth", "*.pt", "*.txt", "*.model")


def identity(config: RunConfig) -> dict[str, str | None]:
    """Return fingerprints of the model, of its config file and of the data file; None where there is none to take.

    Raises:
        DataError: the data file cannot be read.
        ModelError: the config file cannot be read.
    """
    return {
        "model": model_digest(config.model),
        "config": None if config.config is None else config_digest(config.config),
        "data": None if config.data is None else data_digest(config.data),
    }


def content_digest(path: Path) -> str:
    """SHA-256 of a file. Raises OSError when it cannot be read."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def data_digest(path: str) -> str:
    """SHA-256 of a data file. Raises DataError when it cannot be read."""
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


def model_digest(name: str) -> str | None:
    """Fingerprint of a model's files or the weights of one that is built by hand, or the cached commit of a hub model.

    None if not known. A weights file counts together with the JSON files of its folder: its config and its tokenizer.

    Raises:
        ModelError: a built model that there is not.
    """
    from edgewise.models import built

    if built.kind_of(name):
        return built.digest(name)
    path = _bundled(name) or Path(name)
    if path.is_dir():
        return _digest({file for pattern in _MODEL_FILES for file in path.glob(pattern)})
    if path.is_file():
        return _digest({path, *path.parent.glob("*.json")})
    return _cached_commit(name)


def _bundled(name: str) -> Path | None:
    from edgewise.models import catalogue

    if name not in catalogue.BUNDLED:
        return None
    return Path(catalogue.__file__).parent / catalogue.BUNDLED[name]


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        for block in _blocks(path):
            digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            while block := file.read(_BLOCK):
                yield block
            return
        yield file.read(_END)
        file.seek(size - _END)
        yield file.read(_END)
        yield str(path.stat().st_mtime_ns).encode()


def _cached_commit(name: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    from edgewise.models.catalogue import hub_name

    try:
        found = try_to_load_from_cache(hub_name(name), "config.json")
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None
