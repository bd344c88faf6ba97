"""Keep libraries from talking on the user's terminal; what matters is said in our own words."""

from __future__ import annotations

import logging
import os
import sys


def quiet_libraries() -> None:
    """Silence the Hugging Face libraries, unless the user's environment asks for their output, and matplotlib.

    matplotlib would tell of the fonts it looks for and of the folder its cache is in. Bars of downloads stay
    where somebody watches: they can take minutes.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def quiet_transformers() -> None:
    """Silence a transformers that is imported already or will be; for verbs that load a model."""
    from transformers.utils import logging

    if os.environ.get("TRANSFORMERS_VERBOSITY", "error") == "error":
        logging.set_verbosity_error()
    logging.disable_progress_bar()
