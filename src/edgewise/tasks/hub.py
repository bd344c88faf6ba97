"""Rows of a dataset of the Hugging Face hub: ``hub:NAME[@CONFIG][:SPLIT]``, and MIB's by their own names.

A folder of data files is a dataset too. Without a split, "train" is read, or the only one that there is.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from edgewise.errors import DataError, did_you_mean, in_words
from edgewise.tasks.tables import FileTable, Record, Records

HUB, MIB = "hub:", "mib/"
MIB_NAMES = {
    "ioi": "ioi",
    "mcqa": "copycolors_mcqa",
    "arithmetic-addition": "arithmetic_addition",
    "arithmetic-subtraction": "arithmetic_subtraction",
    "arc-easy": "arc_easy",
    "arc-challenge": "arc_challenge",
}
"""MIB's tasks, and what they are called on the hub, in `mib-bench`."""

_FORM = re.compile(r"(?P<name>[^@:]+)(?:@(?P<config>[^@:]+))?(?::(?P<split>[^@:]+))?")
_USUAL = "train"


@dataclass(frozen=True)
class HubName:
    """A dataset: its name, and which of its configs and splits."""

    name: str
    config: str | None
    split: str | None


def is_hub(source: str) -> bool:
    """Whether a `--data` is a dataset, and not a file."""
    return source.startswith((HUB, MIB))


def read_hub(source: str, most: int | None = None) -> FileTable:
    """Read the rows of a dataset.

    Args:
        source: as typed.
        most: how many rows are read; all by default.

    Raises:
        DataError: `datasets` is not installed, there is no such dataset, config or split, or it has no rows.
    """
    rows = _rows(source)
    records = tuple(Record(row, dict(fields)) for row, fields in enumerate(islice(rows, most), start=1))
    if not records:
        raise DataError(f"{source}: no rows; name another split")
    return FileTable(Records(lambda: records), typed=True, whole=most is None or len(rows) <= most)


def hub_digest(source: str) -> str:
    """SHA-256 of all rows in order. Raises as `read_hub`."""
    digest = hashlib.sha256()
    for row in _rows(source):
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def read_name(source: str) -> HubName:
    """Take what was typed apart. Raises DataError where it is not of the form, or none of MIB's names."""
    begin = HUB if source.startswith(HUB) else MIB
    found = _FORM.fullmatch(source.removeprefix(begin))
    if found is None:
        raise DataError(f"{source}: not {begin}NAME[@CONFIG][:SPLIT]; write, say, hub:mib-bench/ioi:test")
    name = found["name"]
    if begin == MIB:
        if name not in MIB_NAMES:
            raise DataError(
                f"{source}: no task of MIB's{did_you_mean(name, MIB_NAMES)}; there are {', '.join(MIB_NAMES)}"
            )
        name = f"mib-bench/{MIB_NAMES[name]}"
    return HubName(name, found["config"], found["split"])


def _rows(source: str) -> Any:
    wanted = read_name(source)
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{source}: datasets of the hub need `datasets`; install it with: pip install 'edgewise[datasets]'"
        ) from error
    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(wanted.name, wanted.config)
    except Exception as error:  # of the network, of the hub, of the files: whatever its library raises
        raise DataError(
            f"{source}: cannot be read ({in_words(error, 200)}); check the name and the connection"
        ) from error
    split = wanted.split or (_USUAL if _USUAL in splits or len(splits) != 1 else next(iter(splits)))
    if split not in splits:
        raise DataError(f"{source}: no split {split!r}; name one of {', '.join(splits)} behind a colon")
    return splits[split]
