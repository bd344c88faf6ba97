"""`edgewise.discover`: from a model and prompts to a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedTokenizerBase

from edgewise.metrics import Metric, MetricFunction
from edgewise.models import Model
from edgewise.report.document import warnings
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover as discover_run
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import Run
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.methods import Rule
from edgewise.settings.model import DeviceMap, DType, KvHeads
from edgewise.settings.scoring import DEFAULT_METHOD, Level, Positions
from edgewise.settings.selection import Ranking, Selection
from edgewise.verbs.asked import config_of, given_of, method_settings
from edgewise.verbs.carried_out import carried_out, tell
from edgewise.verbs.pictures import show_found


def discover(
    *,
    out: str | Path,
    model: str | Path | nn.Module | Model,
    tokenizer: PreTrainedTokenizerBase | None = None,
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
    evaluate: bool = True,
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
    # How it is carried out
    pictures: bool = True,
    overwrite: bool = False,
    progress: bool = True,
) -> Run:
    """Score every edge of a model on pairs of prompts and keep the edges that matter, as `edgewise discover` does.

    The result goes to a folder: scores, circuit, how much of the behaviour it keeps, pictures and a page. A finished
    run of the same call is read again; a run that was stopped goes on where it was.

    Args:
        out: the folder; made if need be.
        model: bundled name, folder, hub name, GGUF or weights file; or a model in memory: a module of ``transformers``,
            a ``HookedTransformer``, a ``TransformerBridge``, or what `edgewise.load_model` returned. It keeps its dtype
            and device; ``run.json`` records its class and the digests of its config and weights.
        tokenizer: that of a model in memory, where it has none with it.
        settings: those of a method of another package, by name.
        pictures: also draw the circuit and make a page, ``report.html``.
        overwrite: compute again, in place of what is stored.
        progress: show what is waited for, in a notebook, on a terminal or in a log.

    Every other keyword is an option of the command, with its default; `docs/settings.md` and `edgewise discover --help`
    describe each. The prompts are a ``task``'s or those of a file, ``data``. A setting of methods that is None is as
    the method has it. Amounts may be written as there: ``exact="auto"``, ``budget="10x"``, ``until="r2=.95"``,
    ``max_memory="8GB"``.

    Returns:
        The run: `Run.scores`, `Run.circuit`, `Run.evaluated`, `Run.record`, `Run.folder`.

    Raises:
        RunConflictError: the folder holds another run, or another process is writing to it.
        EdgewiseError: anything wrong with the model, the prompts, the metric, the scores or the selection.

    Example:
        ``run = edgewise.discover(model="demo", task="ioi", top=100, out="runs/demo")``
    """
    given = given_of(locals(), RunConfig, Selection, MemorySettings, *method_settings())
    with carried_out(given, overwrite=overwrite, progress=progress, tokenizer=tokenizer) as execution:
        run = find(config_of(given, settings), Path(out), execution, pictures=pictures)
    tell(warnings(run))
    return run


def find(config: RunConfig, out: Path, execution: Execution, *, pictures: bool) -> Run:
    """Do what was asked for.

    Args:
        config: what that is.
        out: the folder of the run.
        execution: how it is carried out.
        pictures: also draw it.
    """
    run = discover_run(config, out, execution)
    if pictures:
        show_found(run, execution.report)
    return run
