"""From what the user named to a folder or hub name with a checkpoint in Hugging Face's format."""

from __future__ import annotations

import json
from pathlib import Path

from edgewise.errors import ModelError
from edgewise.models import catalogue
from edgewise.models.lens.checkpoint import SUFFIXES


def find(name: str) -> str:
    """The folder or hub name to load from; a name that can be neither is refused at once."""
    if name in catalogue.BUNDLED:
        return str(Path(catalogue.__file__).parent / catalogue.BUNDLED[name])
    folder = Path(name)
    if folder.is_dir():
        _check_folder(folder)
        return name
    if folder.is_file():
        raise ModelError(f"model {name!r} is a file; give the folder that holds config.json and the weights")
    if folder.suffix in SUFFIXES:
        raise ModelError(f"model {name!r}: there is no such weights file; check the path")
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"model {name!r}: there is no such folder; give a folder, a hub name or 'demo'")
    return name


def _check_folder(folder: Path) -> None:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(
            f"model folder {str(folder)!r} has no config.json; give a folder saved by save_pretrained,"
            " or --config FILE.json for weights in TransformerLens's format"
        )
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model folder {str(folder)!r}: config.json is not JSON ({error}); save it again") from None
    if not isinstance(values, dict):
        raise ModelError(
            f"model folder {str(folder)!r}: config.json is no JSON object (is {values!r:.40}); save it again"
        )
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise ModelError(
            f"model folder {str(folder)!r} has no weights (*.safetensors or *.bin); save the model there again"
        )
