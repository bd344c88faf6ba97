"""Scores as a table of pandas, which is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.errors import FormatError

if TYPE_CHECKING:
    import pandas

    from edgewise.graph.named import NamedScores

# Column -> array, of what may be known beside the score.
_BESIDE = {
    "stderr": "stderr",
    "mean_abs": "mean_abs",
    "half_width": "half_width",
    "exact": "verified",
    "estimate": "estimated",
}


def frame(scores: NamedScores) -> pandas.DataFrame:
    """Return a row for every score; columns and errors as of `NamedScores.to_pandas`."""
    try:
        import pandas
    except ImportError as error:
        raise FormatError("a table needs pandas; install it with: pip install 'edgewise[pandas]'") from error
    names, at = list(scores), ~np.isnan(scores.values)
    columns: dict[str, Any] = {scores.what: names}
    if scores.what == "edge":
        ends = [name.partition("@")[0].split("->") for name in names]
        columns |= {"source": [end[0] for end in ends], "destination": [end[1] for end in ends]}
        if getattr(scores.graph, "places", ()):
            columns["place"] = [name.partition("@")[2] for name in names]
    columns["score"] = scores.values[at]
    for column, field in _BESIDE.items():
        array = getattr(scores, field)
        if array is not None:
            columns[column] = array[at]
    return pandas.DataFrame(columns)
