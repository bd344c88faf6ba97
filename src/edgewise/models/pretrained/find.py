"""From what the user named to a folder or hub name with a checkpoint in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

from edgewise.errors import ModelError
from edgewise.models import catalogue
from edgewise.models.pretrained.adapters import refuse_unasked
from edgewise.models.pretrained.damage import read_object, refuse_damaged
from edgewise.models.pretrained.files import INDEX, base_weights
from edgewise.models.weight_file import SUFFIXES

# Read beside the weights, whatever is in it.
GENERATION = "generation_config.json"


def find(name: str, adapter: str | None = None, *, weights: bool = True) -> str:
    """The folder or hub name to load from; a name that can be neither is refused at once.

    Args:
        name: what the user called the model.
        adapter: the adapter that is to be merged into it.
        weights: whether these are needed; else a config file will do, and a folder that has one.

    Raises:
        ModelError: no such folder, one without config or weights, or one with an adapter that was not asked for.
    """
    if name in catalogue.BUNDLED:
        return str(Path(catalogue.__file__).parent / catalogue.BUNDLED[name])
    folder = Path(name)
    if folder.is_dir():
        refuse_unasked(name, name, adapter)
        _check_folder(folder, weights)
        return name
    if is_config_file(name) and not weights:
        read_object(folder, f"config file {name!r}")
        return name
    if folder.is_file():
        raise ModelError(f"model {name!r} is a file; give the folder that holds config.json and the weights")
    if folder.suffix in SUFFIXES:
        raise ModelError(f"model {name!r}: there is no such weights file; check the path")
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"model {name!r}: there is no such folder; give a folder, a hub name or 'demo'")
    refuse_unasked(name, name, adapter)
    return name


def is_config_file(name: str) -> bool:
    """Whether a name is that of a JSON file that is there."""
    return Path(name).suffix == ".json" and Path(name).is_file()


def _check_folder(folder: Path, weights: bool) -> None:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(
            f"model folder {str(folder)!r} has no config.json; give a folder saved by save_pretrained,"
            " or --config FILE.json for weights in TransformerLens's format"
        )
    where = f"model folder {str(folder)!r}"
    read_object(config, where)
    refuse_damaged(folder, [GENERATION], where)
    if weights and not base_weights(folder) and not any(folder.glob(f"*{INDEX}")):
        raise ModelError(
            f"model folder {str(folder)!r} has no weights (*.safetensors or *.bin); save the model there again"
        )
