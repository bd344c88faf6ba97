"""From what the user named to the files of a checkpoint: a weights file, a folder, or a hub repository.

The weights of a folder or repository are the file that ends in ``final.pth``; where there is none, the one safetensors
file, and where there is none of those, the one ``.pth`` or ``.pt``. Two candidates are one too many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError

from edgewise.errors import ModelError, UnknownNameError, in_words
from edgewise.models.catalogue import LENS_MODELS, hub_name
from edgewise.models.lens import interpbench
from edgewise.models.lens.dialects import is_lens_config, read_json
from edgewise.models.lens.pickled import SUFFIXES as PICKLES
from edgewise.models.lens.pickled import read_pickle
from edgewise.models.weight_file import SUFFIXES

CONFIG = "config.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
# What is fetched of a hub repository: no intermediate checkpoints, no data.
FETCHED_WEIGHTS = ["*final.pth", "*.safetensors"]
FETCHED = [CONFIG, "tokenizer*", "vocab.*", "merges.txt", "special_tokens_map.json"]
# hub repositories with other names and layouts in the file, which their config does not say
OLD_LAYOUT = "_old"
# its bases are the errors of the HTTP library, whichever this version of huggingface_hub uses
HUB_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


@dataclass(frozen=True)
class Source:
    """The files of one checkpoint.

    Args:
        values: the content of its config.
        where: the config's name, for messages.
        weights: its weights file.
        folder: where a tokenizer may lie.
        published: a repository of the catalogue, which TransformerLens itself loads by a few keys of its config;
            whatever else stands there has no effect.
        config: the config's file, where it lies in the folder.
        circuit: the file of the edges that the model is made of, where they are known.
    """

    values: dict[str, Any]
    where: str
    weights: Path
    folder: Path
    published: bool = False
    config: Path | None = None
    circuit: Path | None = None

    @property
    def has_tokenizer(self) -> bool:
        """Whether the folder has a tokenizer of its own."""
        return any((self.folder / file).is_file() for file in TOKENIZER_FILES)


def find(name: str, config: str | Path | None = None, *, weights: bool = True) -> Source | None:
    """The files of a checkpoint in TransformerLens's format; None where the name is of something else.

    Args:
        name: a weights file, a folder, a name of the catalogue, or a hub name.
        config: a config that lies elsewhere; a weights file or folder is then in this format.
        weights: whether they are needed; else none are fetched, and the hub's is the folder in their place.

    Raises:
        ModelError: files that are missing, or too many.
        UnknownNameError: a name of the catalogue that the hub did not give.
    """
    if name.startswith(interpbench.PREFIX) and config is None:
        return _from_interpbench(interpbench.folder_of(name))
    path, config = Path(name), None if config is None else Path(config)
    if path.is_file() and (config is not None or path.suffix in SUFFIXES):
        return _from_file(path, config)
    if path.is_dir():
        return _from_folder(path, config)
    if path.suffix in SUFFIXES:
        if config is not None:
            raise ModelError(f"model {name!r}: there is no such weights file; check the path")
        return None
    if config is not None:
        raise ModelError(
            f"--config goes with a weights file or a folder, and {name!r} is neither; download the model and name that"
        )
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        return None
    return _from_hub(name, weights)


def _from_file(path: Path, config: Path | None) -> Source:
    if path.suffix not in SUFFIXES:
        raise ModelError(f"model {str(path)!r}: weights are a file in {', '.join(SUFFIXES)}; give one of those")
    own = path.parent / CONFIG
    beside = config or own
    if not beside.is_file() and config is None:
        raise ModelError(f"weights {str(path)!r} have no {CONFIG} beside them; say where it is: --config FILE.json")
    return Source(_values(beside), str(beside), path, path.parent, config=own if config is None else None)


def _from_folder(folder: Path, config: Path | None) -> Source | None:
    if config is not None:
        return Source(_values(config), str(config), _weights(folder, str(folder)), folder)
    stored = folder / CONFIG
    if not stored.is_file():
        return _from_interpbench(folder)
    try:
        values = read_json(stored)
    except ModelError:
        return None  # who reads Hugging Face models says what is wrong with it
    if not is_lens_config(values):
        return None
    return Source(values, str(stored), _weights(folder, str(folder)), folder, config=stored)


def _from_interpbench(folder: Path) -> Source | None:
    """A folder as InterpBench has one a model: weights, a pickled config, the edges of its circuit."""
    configs = sorted(folder.glob(interpbench.CONFIG))
    if len(configs) != 1:
        return None
    circuit = folder / interpbench.EDGES
    weights = _weights(folder, str(folder))
    return Source(
        _values(configs[0]),
        str(configs[0]),
        weights,
        folder,
        config=configs[0],
        circuit=circuit if circuit.is_file() else None,
    )


def _from_hub(name: str, weights: bool) -> Source | None:
    repository = hub_name(name)
    try:
        values = read_json(Path(huggingface_hub.hf_hub_download(repository, CONFIG)))
    except HUB_ERRORS as error:
        if name not in LENS_MODELS:
            return None  # who reads Hugging Face models says what is wrong with the name
        raise _not_given(name, repository, error) from error
    if not is_lens_config(values):
        return None
    if repository.endswith(OLD_LAYOUT):
        raise ModelError(
            f"hub model {repository!r}: its old layout, transposed and under other names, is not supported; use a newer"
            f" one: {', '.join(known for known in LENS_MODELS if known.startswith('solu'))}"
        )
    try:
        wanted = [*FETCHED, *(FETCHED_WEIGHTS if weights else ())]
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=wanted))
    except HUB_ERRORS as error:
        raise _not_given(name, repository, error) from error
    published = repository in LENS_MODELS.values()
    file = _weights(folder, repository, deep=True) if weights else folder
    return Source(values, f"{CONFIG} of {repository}", file, folder, published)


def _not_given(name: str, repository: str, error: Exception) -> UnknownNameError:
    return UnknownNameError(
        f"model {name!r}: the hub did not give {repository!r} (check the network): {in_words(error)}"
    )


def _values(path: Path) -> dict[str, Any]:
    values = read_pickle(path) if path.suffix in PICKLES else read_json(path)
    if not is_lens_config(values):
        raise ModelError(
            f"config {str(path)!r} is not in TransformerLens's format, which has d_model and n_layers and no"
            " model_type; a Hugging Face model is loaded by its folder, without --config"
        )
    return dict(values)


def _weights(folder: Path, place: str, *, deep: bool = False) -> Path:
    for found in _candidates(folder, deep):
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(path.relative_to(folder)) for path in found[:4])
            raise ModelError(
                f"{place}: {len(found)} files could be the weights ({names}); name one: --model FILE --config"
                f" {folder / CONFIG}"
            )
    raise ModelError(f"{place}: has no weights (*final.pth, *.safetensors, *.pth or *.pt); put them beside the config")


def _candidates(folder: Path, deep: bool) -> Iterator[list[Path]]:
    """Groups of files that could be the weights, best group first; `deep` also looks into subfolders."""
    yield sorted(folder.glob("*final.pth"))
    yield sorted(folder.glob("*.safetensors"))
    yield sorted([*folder.glob("*.pth"), *folder.glob("*.pt")])
    yield sorted(folder.glob("*/**/*final.pth")) if deep else []
