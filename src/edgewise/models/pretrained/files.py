"""Which files of a folder hold a model's weights, as ``transformers`` chooses them, and what they hold by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from edgewise.errors import ModelError
from edgewise.json_text import json_bytes, parse_json
from edgewise.models.weight_file import read_tensors
from edgewise.models.weight_names import listed

SINGLE = ("model.safetensors", "pytorch_model.bin")
INDEX = ".index.json"
ADAPTER = "adapter_model."


@dataclass(frozen=True)
class Files:
    """The weights of a folder.

    Args:
        read: the files that are read.
        index: the file that names them, where there are several.
        placed: by tensor, the file that the index says it is in.
        beside: weights that lie there and are not read.
    """

    read: tuple[Path, ...]
    index: Path | None = None
    placed: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What the user knows them by."""
        return (self.index or self.read[0]).name

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, on the meta device: its name and shape. Raises ModelError where two files differ in one."""
        held: dict[str, Tensor] = {}
        places: dict[str, Path] = {}
        for path in self.read:
            for name, tensor in read_tensors(path, shapes_only=True).items():
                if name in held:
                    _require_same(name, places[name], path)
                held[name], places[name] = tensor, path
        return held


def base_weights(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that could be weights of a whole model."""
    found = [path for kind in ("*.safetensors", "*.bin") for path in folder.glob(kind)]
    return tuple(sorted(path for path in found if not path.name.startswith((ADAPTER, "training_args"))))


def chosen_weights(folder: Path, named: str | None = None) -> Path | None:
    """The file that ``transformers`` reads weights from, or the index of several; None where there is none.

    Args:
        folder: the model's folder.
        named: the file that its config names.
    """
    order = [named] if named else [name for one in SINGLE for name in (one, one + INDEX)]
    return next((folder / name for name in order if (folder / name).is_file()), None)


def weight_files(folder: Path, named: str | None = None) -> Files:
    """The files that ``transformers`` reads.

    Args:
        folder: the model's folder.
        named: the file that its config names.

    Raises:
        ModelError: an index that cannot be read or names a file that is not there, or no file of a known name.
    """
    there = base_weights(folder)
    if named is not None and not _plain(named):
        raise ModelError(f"{_where(folder)}: config.json: transformers_weights is {named!r:.60}; name a file in it")
    chosen = chosen_weights(folder, named)
    if chosen is None:
        names = listed([path.name for path in there])
        if named:
            raise ModelError(f"{_where(folder)}: config.json names weights {named!r}, not there; get them too")
        raise ModelError(
            f"{_where(folder)}: of its weights {names} none is {' or '.join(SINGLE)}, and no {SINGLE[0]}{INDEX} says"
            " which to read; copy the index too, or save the model again"
        )
    if not chosen.name.endswith(INDEX):
        return Files((chosen,), beside=tuple(path for path in there if path != chosen))
    placed = _placed(chosen)
    shards = tuple(folder / name for name in sorted(set(placed.values())))
    absent = [path.name for path in shards if not path.is_file()]
    if absent:
        raise ModelError(
            f"{_where(folder)}: {chosen.name} names {len(shards)} files of weights, and {len(absent)} of them not"
            f" there: {listed(absent)}; get what is missing"
        )
    return Files(shards, chosen, placed, tuple(path for path in there if path not in shards))


def _require_same(name: str, first: Path, second: Path) -> None:
    """Refuse a tensor of which two files hold another one each; this is so rare that both are read for it."""
    one, other = (read_tensors(path)[name] for path in (first, second))
    if one.shape != other.shape or not one.equal(other):
        raise ModelError(
            f"{_where(first.parent)}: {first.name} and {second.name} hold another {name!r} each; remove the file that"
            " does not belong, or get both again"
        )


def _placed(index: Path) -> dict[str, str]:
    try:
        content: Any = parse_json(json_bytes(index))
        placed = dict(content["weight_map"])
    except (ValueError, KeyError, TypeError):
        placed = {}
    if not placed or not all(_plain(name) for name in placed.values()):
        raise ModelError(
            f"{_where(index.parent)}: {index.name} has no weight_map from names of tensors to files beside it; get it"
            " again"
        )
    return placed


def _plain(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _where(folder: Path) -> str:
    return f"model folder {str(folder)!r}"


def shard_count(paths: Iterable[Path]) -> int | None:
    """How many shards there are by the files' own names, ``model-00001-of-00002.safetensors``; None where none says."""
    ends = [path.stem.rsplit("-of-", 1)[-1] for path in paths if "-of-" in path.stem]
    return max((int(end) for end in ends if end.isdigit()), default=None)
