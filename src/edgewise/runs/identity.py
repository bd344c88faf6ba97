"""Fingerprints of what a config only names: the model's files and the data file.

A run is the same only when the model and the data behind its names are the same too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from edgewise.errors import DataError
from edgewise.runs.config import RunConfig

_BLOCK = 1 << 20
# Above this a file's ends, size and time of change stand for its content: reading all of it would take as
# long as loading the model.
_WHOLE = 1 << 30
_END = 1 << 23
_MODEL_FILES = ("*.json", "*.safetensors", "*.bin", "*.txt", "*.model")


def identity(config: RunConfig) -> dict[str, str | None]:
    """Return fingerprints of the model and of the data file; None where there is none to take.

    Raises:
        DataError: the data file cannot be read.
    """
    return {
        "model": model_digest(config.model),
        "data": None if config.data is None else data_digest(config.data),
    }


def data_digest(path: str) -> str:
    """SHA-256 of a data file. Raises DataError when it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            f"data file '{path}' cannot be read ({error.strerror}); check the path given to --data"
        ) from error


def model_digest(name: str) -> str | None:
    """Fingerprint of a model folder's files or a planted model's weights, or the cached commit of a hub model.

    None if not known. Raises ModelError for a planted model without a seed.
    """
    from edgewise.models import planted

    if planted.is_planted(name):
        return planted.digest(name)
    folder = _bundled(name) or Path(name)
    if folder.is_dir():
        return _folder_digest(folder)
    return _cached_commit(name)


def _bundled(name: str) -> Path | None:
    from edgewise.models import catalogue

    if name not in catalogue.BUNDLED:
        return None
    return Path(catalogue.__file__).parent / catalogue.BUNDLED[name]


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}):
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

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None
