"""`edgewise.plan`: what a run will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from edgewise.metrics import Metric, MetricFunction
from edgewise.runs.config import RunConfig
from edgewise.runs.plan import Plan
from edgewise.runs.plan.ask import ask, settle
from edgewise.settings.conditions import MemorySettings, ProcessSettings
from edgewise.settings.methods import Rule
from edgewise.settings.model import DeviceMap, DType, KvHeads
from edgewise.settings.scoring import DEFAULT_METHOD, Level, Positions
from edgewise.settings.selection import Ranking, Selection
from edgewise.verbs.asked import config_of, given_of, method_settings
from edgewise.verbs.carried_out import carried_out


def plan(
    *,
    model: str | Path,
    # In the place of prompts
    rows: int | None = None,
    length: int | None = None,
    # In the place of this machine
    on: str | None = None,
    # Prompts
    task: str | None = None,
    data: str | Path | None = None,
    columns: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    n: int | None = None,
    seed: int = 0,
    split: Literal["discovery", "held-out"] = "discovery",
    hold_out: float | None = None,
    bos: bool | None = None,
    chat: bool = False,
    system: str | None = None,
    drop_invalid: bool = False,
    first_token: bool = False,
    answer_tokens: Literal["differing", "all"] = "differing",
    select: Literal["all", "correct"] = "all",
    # Scores
    method: str = DEFAULT_METHOD,
    metric: str | Metric | MetricFunction | None = None,
    level: Level = "edge",
    neuron_edges: int = 0,
    positions: Positions | None = None,
    readers: bool = False,
    per_prompt: bool = False,
    bootstrap: int = 0,
    exact: int | Literal["auto"] | None = None,
    budget: float | str | None = None,
    until: float | str | None = None,
    # Settings of methods
    steps: int | None = None,
    rule: Rule | None = None,
    reading: Literal["average", "source"] | None = None,
    grad_drop: bool | None = None,
    only: str | Sequence[str] | None = None,
    tau: float | None = None,
    absolute: bool = False,
    direct_edges: bool = False,
    eap_threshold: float | None = None,
    eap_top: int | None = None,
    eap_fraction: float | None = None,
    lambda_: float | None = None,
    masks: Literal["node", "edge"] | None = None,
    lr: float | None = None,
    minibatch: int | None = None,
    rung: int | None = None,
    method_seed: int | None = None,
    rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    # Circuit
    top: int | None = None,
    threshold: float | None = None,
    fraction: float | None = None,
    keep: float | None = None,
    max_kl: float | None = None,
    by: Ranking = "abs",
    greedy: bool = False,
    prune: bool = False,
    stable: bool = False,
    # Model and machine
    config: str | Path | None = None,
    gguf_file: str | None = None,
    adapter: str | None = None,
    dtype: DType = "auto",
    device: str = "auto",
    device_map: DeviceMap | None = None,
    kv_heads: KvHeads = "native",
    attention: str | None = None,
    ignore_config: str | Sequence[str] = (),
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    processes: int = 1,
) -> Plan:
    """Tell what a run will cost, without the model's weights, as `edgewise plan` does.

    Args:
        model: a config.json, a folder with one, a GGUF file, a bundled or a hub name: no weights are read or fetched.
        rows: so many prompts, in the place of a task or a file.
        length: tokens of each of these.
        on: an accelerator by name, ``"h100"`` or ``"8xh100"``; seconds are those of this machine by default, at rates
            that are measured within a second.
        settings: those of a method of another package, by name.
        processes: that share the work.

    Every other keyword is an option of the command, with its default; those of `edgewise.discover` are the same.

    Returns:
        Nodes and edges, passes, floating-point operations, seconds of scoring, bytes of memory at the peak by part,
        prompts at a time, bytes on disk, and where it does not fit, what would make it fit (`Plan.advice`).

    Raises:
        EdgewiseError: anything wrong with the model, the prompts or the settings.

    Example:
        ``edgewise.plan(model="gpt2", rows=1000, length=64, method="eap", on="h100").seconds``
    """
    given = given_of(locals(), RunConfig, Selection, MemorySettings, ProcessSettings, *method_settings())
    n_processes = given.pop("processes", 1)
    given, stand_in = settle(given, rows, length, on)
    with carried_out(given, overwrite=False, progress=False) as execution:
        asked = config_of(given, settings)
        return ask(asked, stand_in, on=on, max_memory=execution.max_memory, n_processes=n_processes)
