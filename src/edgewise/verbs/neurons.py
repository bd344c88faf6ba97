"""`edgewise.discover_neurons`: from a model and prompts to the heads and MLP neurons that matter, in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedTokenizerBase

from edgewise.errors import SettingError
from edgewise.metrics import Metric, MetricFunction
from edgewise.models import Model
from edgewise.report.neurons import neuron_warnings
from edgewise.runs.config import RunConfig
from edgewise.runs.neuron_evaluation import evaluate_neuron_run
from edgewise.runs.neurons import find_neurons
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.neuron_record import NeuronEvaluated
from edgewise.runs.store.neurons import NeuronRun, load_neuron_run
from edgewise.settings import flag
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.methods import Rule
from edgewise.settings.model import DeviceMap, DType
from edgewise.settings.scoring import DEFAULT_METHOD
from edgewise.settings.selection import Ranking, Selection
from edgewise.verbs.asked import config_of, given_of, method_settings
from edgewise.verbs.carried_out import carried_out, tell
from edgewise.verbs.given_model import model_of_runs
from edgewise.verbs.pictures import show_found, show_on_page

# Of an evaluation of edges alone, where it is not as by default.
_OF_EDGES = {"ablation": "resample", "minimality": False, "pruned": False}


def discover_neurons(
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
    neuron_edges: int = 0,
    exact: int | Literal["auto"] | None = None,
    # Settings of methods
    steps: int | None = None,
    rule: Rule | None = None,
    # Circuit
    top: int | None = None,
    threshold: float | None = None,
    fraction: float | None = None,
    keep: float | None = None,
    max_kl: float | None = None,
    by: Ranking = "abs",
    evaluate: bool = True,
    # Model and machine
    config: str | Path | None = None,
    gguf_file: str | None = None,
    adapter: str | None = None,
    dtype: DType = "auto",
    device_map: DeviceMap | None = None,
    device: str = "auto",
    attention: str | None = None,
    ignore_config: str | Sequence[str] = (),
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    # How it is carried out
    pictures: bool = True,
    overwrite: bool = False,
    progress: bool = True,
) -> NeuronRun:
    """Score every head and MLP neuron of a model, as `edgewise discover --level neuron` does.

    The result goes to a folder: scores, a table, the circuit of the best heads and neurons, and how much of the
    behaviour it keeps. A finished run of the same call is read again; a run that was stopped goes on where it was.

    Args:
        out: the folder; made if need be.
        model: bundled name, folder, hub name, GGUF or weights file; or a model in memory, as of `edgewise.discover`.
        tokenizer: that of a model in memory, where it has none with it.
        method: ``eap``, ``eap-ig-inputs``, ``clean-corrupted``, ``midpoint``, ``relp`` or ``gim``; with ``+exact``
            behind its name, the largest are measured.
        exact: how many are measured; by default as many as cost what the estimates cost with ``+exact``, else none.
        neuron_edges: score the edges into and out of so many of the best neurons too.
        top: keep so many heads and neurons; likewise ``threshold`` and ``fraction``, by default the best 1 %, at
            least 100. ``keep`` and ``max_kl`` ask for the fewest that are good enough, measured on held-out prompts.
        pictures: also make a page, ``report.html``.
        overwrite: compute again, in place of what is stored.
        progress: show what is waited for, in a notebook, on a terminal or in a log.

    Every other keyword is an option of the command, with its default; `docs/settings.md` describes each.

    Returns:
        The run: `NeuronRun.scores`, `NeuronRun.circuit`, `NeuronRun.evaluated`, `NeuronRun.sized`, `NeuronRun.record`.

    Raises:
        RunConflictError: the folder holds another run, or another process is writing to it.
        UnsupportedModelError: a model without MLPs, or with experts.
        EdgewiseError: anything wrong with the model, the prompts, the metric, the scores or the selection.

    Example:
        ``edgewise.discover_neurons(model="demo", task="ioi", out="runs/neurons").scores.top(5)``
    """
    given = given_of(locals(), RunConfig, Selection, MemorySettings, *method_settings())
    with carried_out(given, overwrite=overwrite, progress=progress, tokenizer=tokenizer) as execution:
        run = find(config_of({**given, "level": "neuron"}), Path(out), execution, pictures=pictures)
    tell(neuron_warnings(run))
    return run


def find(config: RunConfig, out: Path, execution: Execution, *, pictures: bool) -> NeuronRun:
    """Do what was asked for.

    Args:
        config: what that is.
        out: the folder of the run.
        execution: how it is carried out.
        pictures: also make its page.
    """
    run = find_neurons(config, out, execution)
    if pictures:
        show_found(run, execution.report)
    return run


def measure_neurons(folder: Path, given: Mapping[str, Any], execution: Execution) -> StoredResults[NeuronEvaluated]:
    """Measure the circuit of a run of neurons, and circuits of ten sizes.

    Args:
        folder: of the run.
        given: settings by their fields.
        execution: how it is carried out.

    Raises:
        SettingError: a setting of edges alone.
    """
    rest = dict(given)
    for name, default in _OF_EDGES.items():
        if rest.pop(name, default) != default:
            raise SettingError(f"{flag(name)} is of circuits of edges; leave it out for a run of neurons")
    curve, random = bool(rest.pop("curve", True)), int(rest.pop("random", 3))
    with model_of_runs([folder], rest):
        found = evaluate_neuron_run(folder, rest, execution, curve=curve, random=random)
    show_on_page(load_neuron_run(folder), execution.report)
    return found
