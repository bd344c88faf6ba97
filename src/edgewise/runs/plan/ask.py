"""A plan for what somebody asks: prompts of a task or a file, or a number of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewise.errors import SettingError
from edgewise.runs.config import RunConfig
from edgewise.runs.plan.hardware import named
from edgewise.runs.plan.make import make_plan
from edgewise.runs.plan.plan import Plan
from edgewise.runs.plan.rows import rows_of
from edgewise.runs.prompts import prompts_of, require_data
from edgewise.runs.setup import opened_model


@dataclass(frozen=True)
class Rows:
    """Prompts of which only this is known.

    Args:
        number: how many.
        length: tokens of each.
    """

    number: int
    length: int

    @classmethod
    def asked(cls, given: Mapping[str, Any], number: int | None, length: int | None) -> Rows | None:
        """From what was given beside a task or a file; None where nothing was.

        Raises:
            SettingError: one without the other, or beside a task or a file.
        """
        if number is None and length is None:
            return None
        if number is None or length is None:
            raise SettingError("--rows and --length go together; give for example --rows 1000 --length 64")
        other = next((name for name in ("task", "data") if given.get(name) is not None), None)
        if other is not None:
            raise SettingError(f"--rows stands in the place of prompts; leave --{other} out, or --rows and --length")
        return cls(number, length)

    def __str__(self) -> str:
        """What stands in the place of a file's name."""
        return f"{self.number} rows of {self.length} tokens"


def ask(
    config: RunConfig,
    rows: Rows | None = None,
    *,
    on: str | None = None,
    max_memory: int | None = None,
    n_processes: int = 1,
) -> Plan:
    """What a run will cost; of the model only config and tokenizer are read.

    Args:
        config: what is asked for.
        rows: prompts, in the place of those that it names.
        on: accelerators by name, such as ``"8xh100"``; None for this machine.
        max_memory: bytes that it may use.
        n_processes: that share the work.

    Raises:
        EdgewiseError: anything wrong with the model, the prompts or the settings.
    """
    devices = None if on is None else named(on)
    if rows is None:
        require_data(config)
    opened = opened_model(config, weights=False)
    prompts = prompts_of(config, opened.reader) if rows is None else rows_of(opened.reader, rows.number, rows.length)
    return make_plan(config, opened, prompts, max_memory=max_memory, n_processes=n_processes, on=devices)
