"""InterpBench: small transformers trained to have a known circuit (Gupta et al. 2024, arXiv:2407.14494).

On the hub each of its cases is a folder of one repository: ``ll_model.pth``, the weights in TransformerLens's format,
``ll_model_cfg.pkl``, the config, and ``edges.pkl``, the circuit. ``interpbench:11`` is case 11.

Its models are trained by whole heads: an edge of the circuit into a head stands at its query, key and value alike, and
which of these the head uses is not known. What scores edges at q, k and v apart is judged too strictly by it.
"""

from __future__ import annotations

import re
from pathlib import Path

import huggingface_hub
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError

from edgewise.errors import ModelError, UnknownNameError, in_words

PREFIX, REPOSITORY = "interpbench:", "cybershiptrooper/InterpBench"
CONFIG, EDGES = "ll_model_cfg*.pkl", "edges.pkl"
_FILES = (CONFIG, "ll_model*.pth", EDGES)
_TROUBLE: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


def folder_of(name: str) -> Path:
    """Fetch the folder of a case, or find it in the cache.

    Raises:
        ModelError: not of the form ``interpbench:CASE``.
        UnknownNameError: the hub did not give it.
    """
    case = _case(name)
    try:
        place = huggingface_hub.snapshot_download(REPOSITORY, allow_patterns=[f"{case}/{file}" for file in _FILES])
    except _TROUBLE as error:
        raise UnknownNameError(
            f"model {name!r}: the hub did not give {REPOSITORY!r} (check the network): {in_words(error)}"
        ) from error
    folder = Path(place) / case
    if not folder.is_dir():
        raise UnknownNameError(f"model {name!r}: {REPOSITORY} has no case {case!r}; see its page on the hub")
    return folder


def cached_folder(name: str) -> Path | None:
    """The folder of a case in the cache; None where there is none."""
    found = try_to_load_from_cache(REPOSITORY, f"{_case(name)}/{EDGES}")
    return Path(found).parent if isinstance(found, str) else None


def _case(name: str) -> str:
    case = name.removeprefix(PREFIX)
    if not re.fullmatch(r"\w[\w-]*", case):
        raise ModelError(f"model {name!r}: write interpbench:CASE, such as interpbench:11 or interpbench:ioi")
    return case
