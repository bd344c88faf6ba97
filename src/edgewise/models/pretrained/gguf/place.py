"""From what the user named to a GGUF file: the file itself, one in a folder, or one in a hub repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError

from edgewise.errors import ModelError, UnknownNameError, did_you_mean, in_words
from edgewise.models.pretrained.gguf.header import is_gguf

_SPLIT = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)
_OTHER_WEIGHTS = ("*.safetensors", "*.bin", "*.pth", "*.pt")
# its bases are the errors of the HTTP library, whichever this version of huggingface_hub uses
_HUB_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


def find(
    name: str, gguf_file: str | None = None, config: str | Path | None = None, *, weights: bool = True
) -> Path | None:
    """The GGUF file; None where the name is of something else.

    Args:
        name: a file, a folder or a hub name.
        gguf_file: the file's name in the folder or repository; not needed where there is one GGUF file and nothing
            else to load.
        config: a config that lies elsewhere, which is of other formats.
        weights: whether they are needed; else a file that is not here yet is not fetched: its header comes with them.

    Raises:
        ModelError: no such file, one part of several, or several to choose from, or one that is not fetched.
        UnknownNameError: a repository or file that the hub did not give.
    """
    path = Path(name)
    if config is not None:
        if gguf_file is not None or path.suffix.lower() == ".gguf":
            raise ModelError(f"model {name!r}: a GGUF file holds its config; leave config {str(config)!r} out")
        return None
    if path.is_file():
        found = _file(path, gguf_file)
    elif path.is_dir():
        found = _in_folder(path, gguf_file)
    elif path.suffix.lower() == ".gguf":
        raise ModelError(f"model {name!r}: there is no such GGUF file; check the path")
    elif path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        found = None
    else:
        found = _on_hub(name, gguf_file, weights)
    if found is not None:
        _require_whole(found)
    return found


def _file(path: Path, gguf_file: str | None) -> Path | None:
    if gguf_file is not None:
        raise ModelError(f"model {str(path)!r} is a file itself; leave gguf_file {gguf_file!r} out")
    return path if is_gguf(path) else None


def _in_folder(folder: Path, gguf_file: str | None) -> Path | None:
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.gguf"))
    if gguf_file is not None:
        if (folder / gguf_file).is_file():
            return folder / gguf_file
        raise ModelError(f"model folder {str(folder)!r} has no file {gguf_file!r}{_near(gguf_file, there)}")
    if any(any(folder.glob(pattern)) for pattern in _OTHER_WEIGHTS):
        return None
    chosen = _only(f"model folder {str(folder)!r}", there)
    return None if chosen is None else folder / chosen


def _on_hub(name: str, gguf_file: str | None, weights: bool) -> Path | None:
    if gguf_file is None:
        gguf_file = _only(f"hub model {name!r}", _offered(name))
    if gguf_file is None:
        return None
    if _SPLIT.search(gguf_file):
        _require_whole(Path(gguf_file))
    if not weights and not isinstance(huggingface_hub.try_to_load_from_cache(name, gguf_file), str):
        raise ModelError(
            f"hub model {name!r}: the header of {gguf_file!r} comes with its weights only; download the file first, or"
            " name the repository that it was made from"
        )
    try:
        return Path(huggingface_hub.hf_hub_download(name, gguf_file))
    except _HUB_ERRORS as error:
        raise UnknownNameError(
            f"model {name!r}: it is no folder here, and the hub did not give {gguf_file!r} of it (check both names and"
            f" the network): {in_words(error)}"
        ) from error


def _offered(name: str) -> list[str]:
    """The GGUF files of a repository that says by its name that it has them, and nothing else."""
    if "gguf" not in name.lower():
        return []
    try:
        files = huggingface_hub.list_repo_files(name)
    except _HUB_ERRORS:
        return []  # who reads Hugging Face models says what is wrong with the name
    if any(Path(file).match(pattern) for file in files for pattern in _OTHER_WEIGHTS):
        return []
    return sorted(file for file in files if file.lower().endswith(".gguf"))


def _only(place: str, files: Sequence[str]) -> str | None:
    if len(files) < 2:
        return files[0] if files else None
    raise ModelError(f"{place} has {len(files)} GGUF files; name one with --gguf-file (gguf_file=): {_some(files)}")


def _near(wanted: str, there: Sequence[str]) -> str:
    if not there:
        return "; it has no GGUF file at all, check the folder"
    return f"{did_you_mean(wanted, there)}; it has {_some(there)}"


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - 8} more" if len(files) > 8 else ""
    return ", ".join(files[:8]) + more


def _require_whole(path: Path) -> None:
    split = _SPLIT.search(path.name)
    if split is not None and int(split[1]) > 1:
        raise ModelError(
            f"GGUF file {str(path)!r} is one of {int(split[1])} parts; join them first: llama-gguf-split --merge"
            " FIRST_PART WHOLE.gguf"
        )
