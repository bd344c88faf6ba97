"""``transformers``' own loaders, with what can go wrong there said in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.utils import logging

from edgewise.errors import EdgewiseError, ModelError, UnknownNameError, did_you_mean
from edgewise.models.catalogue import KNOWN


def from_pretrained(name: str, loader: Any, source: str, **options: Any) -> Any:
    """``from_pretrained``, with what can go wrong there said in one line."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a bar for every tensor; downloads have their own
    try:
        return loader.from_pretrained(source, **options)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _load_error(name, source, error) from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _load_error(name: str, source: str, error: Exception) -> EdgewiseError:
    reason = " ".join(str(error).split())
    if Path(source).is_dir():
        return ModelError(f"model folder {source!r} cannot be loaded: {reason:.300}")
    near = "" if name in KNOWN else did_you_mean(name, KNOWN)
    known = f"model {name!r}" if name in KNOWN else f"unknown model {name!r}"
    return UnknownNameError(
        f"{known}{near or ';'} it is no folder here, and the hub did not give it"
        f" (check the name, the network, and `hf auth login` for gated models): {reason:.160}"
    )
