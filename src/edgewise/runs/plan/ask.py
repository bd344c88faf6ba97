"""A plan for what somebody asks: prompts of a task or a file, or a number of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.runs.config import RunConfig
from edgewise.runs.plan.hardware import named
from edgewise.runs.plan.make import make_plan
from edgewise.runs.plan.plan import Plan
from edgewise.runs.plan.rows import Rows
from edgewise.runs.prompts import prompts_of, require_data
from edgewise.runs.setup import opened_model
from edgewise.settings.conditions import ProcessSettings
from edgewise.settings.device import AUTO
from edgewise.settings.read import check


def settle(
    given: Mapping[str, Any], rows: int | None, length: int | None, on: str | None
) -> tuple[dict[str, Any], Rows | None]:
    """Settings by their fields, as a plan takes them: with rows in the place of prompts, and the accelerator's type.

    Raises:
        SettingError: rows beside prompts or without a length, or an accelerator that is not known.
    """
    found, stand_in = dict(given), Rows.asked(given, rows, length)
    if stand_in is not None:
        found["data"] = str(stand_in)
    if on is not None and found.get("dtype", AUTO) == AUTO:
        found["dtype"] = named(on).kind.dtype
    return found, stand_in


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
    check(ProcessSettings(n_processes))
    devices = None if on is None else named(on)
    if rows is None:
        require_data(config)
    opened = opened_model(config, weights=False)
    prompts = prompts_of(config, opened.reader) if rows is None else rows.prompts(opened.reader)
    return make_plan(config, opened, prompts, max_memory=max_memory, n_processes=n_processes, on=devices)
