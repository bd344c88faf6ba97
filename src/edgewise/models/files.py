"""Which files of a checkpoint are read: the loaders' own rules, so that what lies beside them does not count.

1. A folder in Hugging Face's format: the config, one set of weights (that of the first name that is there, or the
   shards of its index), the tokenizer, and the code that the config asks for.
2. In TransformerLens's format: the config, the one weights file, the tokenizer. A GGUF file holds all of it.
3. An adapter's folder: its config and its weights.
4. A hub model: the commit that the local cache holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from edgewise.json_text import json_bytes, parse_json
from edgewise.models import catalogue
from edgewise.models.lens import interpbench, sources
from edgewise.models.pretrained import adapters
from edgewise.models.pretrained.files import INDEX, chosen_weights
from edgewise.models.weight_file import SUFFIXES

CONFIG, GGUF = "config.json", ".gguf"
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "chat_template.*",
)


def local(name: str) -> Path | None:
    """The folder or file of this machine that a model's name stands for; None for a hub name."""
    if name in catalogue.BUNDLED:
        return Path(catalogue.__file__).parent / catalogue.BUNDLED[name]
    if name.startswith(interpbench.PREFIX):
        return interpbench.cached_folder(name)
    return Path(name) if Path(name).exists() else None


def model_files(place: Path, config: str | None = None, gguf_file: str | None = None) -> dict[str, Path]:
    """The files that a model of this machine is read from, by their names in its folder; its code is left out.

    Args:
        place: the model's folder, or its weights file.
        config: the config of weights in TransformerLens's format that lies elsewhere; it is not among the result.
        gguf_file: the name of the file to read, of a folder with GGUF files.

    Raises:
        ModelError: weights in TransformerLens's format that are missing, or that cannot be told apart.
    """
    if gguf_file is not None or place.suffix == GGUF:
        return _named([place if gguf_file is None else place / gguf_file], place)
    bundled = any(place == local(name) for name in catalogue.BUNDLED)
    if not bundled and (place.is_dir() or config is not None or place.suffix in SUFFIXES):
        source = sources.find(str(place), config)
        if source is not None:
            own = [one for one in (source.config, source.circuit) if config is None and one is not None]
            return _named([*own, source.weights, *_tokenizer(source.folder)], source.folder)
    if place.is_file():
        return {}
    return _named([place / CONFIG, *_weights(place), *_tokenizer(place)], place)


def adapter_files(folder: Path) -> dict[str, Path]:
    """The files that an adapter is read from."""
    weights = [folder / name for name in adapters.WEIGHTS if (folder / name).is_file()]
    return _named([folder / adapters.CONFIG, *weights[:1]], folder)


def code_files(folder: Path) -> dict[str, Path]:
    """The modules of a folder that its config or its tokenizer's asks for, with those that they import from there."""
    from transformers.dynamic_module_utils import get_relative_import_files

    found: dict[str, Path] = {}
    for _, module in filter(lambda asked: not asked[0], _asked(folder)):
        file = folder / f"{module}.py"
        if file.is_file():
            found |= _named([file, *map(Path, get_relative_import_files(str(file)))], folder)
    return found


def code_elsewhere(folder: Path) -> dict[str, str]:
    """The hub repositories whose code a folder's config asks for, with the commits that are cached."""
    found = {owner: cached_commit(owner, f"{module}.py") for owner, module in _asked(folder) if owner}
    return {owner: commit for owner, commit in found.items() if commit is not None}


def cached_commit(name: str, *files: str) -> str | None:
    """The commit of a hub repository in the local cache, with one of the files in it; None where there is none."""
    folder = cached(name, *files)
    return None if folder is None else folder.name


def cached(name: str, *files: str) -> Path | None:
    """The folder of that commit."""
    for file in files:
        try:
            found = try_to_load_from_cache(catalogue.hub_name(name), file)
        except HFValidationError:
            return None
        if isinstance(found, str):
            return Path(found[: -len(file)])
    return None


def _weights(folder: Path) -> Iterator[Path]:
    """The weights' files of a folder in Hugging Face's format."""
    chosen = _json(folder / CONFIG).get("transformers_weights")
    first = chosen_weights(folder, chosen if isinstance(chosen, str) else None)
    if first is None:
        return
    yield first
    if first.name.endswith(INDEX):
        shards = _json(first).get("weight_map")
        yield from (folder / str(name) for name in sorted(set(shards.values() if isinstance(shards, dict) else ())))


def _tokenizer(folder: Path) -> Iterator[Path]:
    for pattern in TOKENIZER:
        yield from folder.glob(pattern)


def _asked(folder: Path) -> Iterator[tuple[str, str]]:
    """The modules that configs name under ``auto_map``: the repository, ``""`` for the folder itself, and the name."""
    for name in (CONFIG, "tokenizer_config.json"):
        classes = _json(folder / name).get("auto_map")
        named = classes.values() if isinstance(classes, dict) else [classes]
        for one in [part for entry in named for part in (entry if isinstance(entry, list) else [entry])]:
            if isinstance(one, str) and "." in one:
                owner, _, path = one.rpartition("--")
                yield owner, path.rpartition(".")[0]


def _json(path: Path) -> dict[str, Any]:
    """A file's object, or nothing: who loads it says what is wrong with it."""
    try:
        content = parse_json(json_bytes(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _named(files: list[Path], folder: Path) -> dict[str, Path]:
    """The files that there are, by their places in the folder."""
    within = folder if folder.is_dir() else folder.parent
    return {
        path.relative_to(within).as_posix() if path.is_relative_to(within) else path.name: path
        for path in files
        if path.is_file()
    }
