"""matplotlib as it is by default: a user's own settings change no picture, and are as they were afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def default_settings(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Within it matplotlib has its own defaults, but for these changes, and warns of nothing.

    Args:
        changes: setting -> value.
    """
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update(changes or {})
        yield
