"""The tokenizer stored with a checkpoint: read, or refused by the file at fault; a broken one is not taken for none."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from edgewise.errors import EdgewiseWarning, ModelError
from edgewise.models.pretrained.damage import refuse_damaged
from edgewise.models.pretrained.library import broken, clipped, quiet, without_collection

MAIN = "tokenizer.json"
# One of these makes a folder one with a tokenizer.
VOCABULARIES = (MAIN, "tokenizer.model", "vocab.json", "vocab.txt")
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_CODE = "trust_remote_code"


def read_tokenizer(name: str, source: str, **options: Any) -> Any | None:
    """The tokenizer stored with the model, or None: data may be token ids.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        options: for ``transformers``.

    Raises:
        ModelError: a tokenizer that is there and is damaged, naming the file where it is known.
    """
    folder = Path(source)
    local = folder.is_dir()
    if local:
        if not any((folder / file).is_file() for file in VOCABULARIES):
            return None
        refuse_damaged(folder, (*VOCABULARIES, *SETTINGS), _where(source))
    try:
        with quiet(), without_collection():
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            _try(tokenizer)
            return tokenizer
    except BaseException as error:
        if not broken(error):
            raise
        if not local and isinstance(error, OSError | ValueError | KeyError):
            return None  # a hub repository without one
        if local and not _needs_more(error):
            raise _refusal(folder, error) from None
        own_code = _CODE in str(error) and not isinstance(error, ImportError)
        reason = "it is code of its own, which runs with --trust-remote-code" if own_code else clipped(error)
        warnings.warn(
            f"model {name!r}: its tokenizer cannot be used, so prompts must be token ids: {reason}",
            EdgewiseWarning,
            stacklevel=2,
        )
        return None


def _try(tokenizer: Any) -> None:
    """Use it once: much of what is damaged is only seen then."""
    tokenizer(["a"], padding=False, truncation=False, verbose=False)
    _ = len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id


def _needs_more(error: BaseException) -> bool:
    """Whether a package is missing, or code of the checkpoint's own was not allowed to run."""
    return isinstance(error, ImportError) or _CODE in str(error)


def _refusal(folder: Path, error: BaseException) -> ModelError:
    where = _where(str(folder))
    try:
        refuse_damaged(folder, (*VOCABULARIES, *SETTINGS), where, large=True)
        if (folder / MAIN).is_file():
            Tokenizer.from_file(str(folder / MAIN))
    except ModelError as found:
        return found
    except BaseException as found:
        if not broken(found):
            raise
        return ModelError(
            f"{where}: {MAIN} is no tokenizer, it is damaged or of another version ({clipped(found, 160)}); get the"
            " file again"
        )
    there = [file for file in (*VOCABULARIES, *SETTINGS) if (folder / file).is_file()]
    return ModelError(
        f"{where}: its tokenizer cannot be read from {', '.join(there)} ({clipped(error, 300)}); get these files again"
    )


def _where(source: str) -> str:
    return f"model folder {source!r}"
