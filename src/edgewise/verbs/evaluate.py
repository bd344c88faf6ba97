"""`edgewise.evaluate`: how much of the behaviour a circuit keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedTokenizerBase

from edgewise.errors import RunError, SettingError
from edgewise.metrics import Metric, MetricFunction
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.evaluate import evaluate as evaluate_subject
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.evaluated_circuit import EvaluatedCircuit, circuit_of_file, circuit_of_run
from edgewise.runs.mib import METRIC, MibNumbers, evaluate_mib
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.folder import Run
from edgewise.settings import described, flag
from edgewise.settings.conditions import MemorySettings
from edgewise.settings.evaluation import Ablation, EvaluationRequest
from edgewise.settings.model import DeviceMap, DType, KvHeads
from edgewise.verbs.asked import folder_of, given_of
from edgewise.verbs.carried_out import STOP, carried_out, tell
from edgewise.verbs.given_model import model_of_runs
from edgewise.verbs.pictures import show_on_page

# The seed of what is drawn is that of the prompts.
_NUMBERS = tuple(one.name for one in described(EvaluationRequest) if one.name != "seed")


def evaluate(
    run: str | Path | Run | None = None,
    *,
    circuit: str | Path | None = None,
    out: str | Path | None = None,
    # Prompts
    task: str | None = None,
    data: str | Path | None = None,
    columns: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    n: int | None = None,
    seed: int | None = None,
    hold_out: float | None = None,
    bos: bool | None = None,
    chat: bool = False,
    system: str | None = None,
    drop_invalid: bool = False,
    first_token: bool = False,
    answer_tokens: Literal["differing", "all"] = "differing",
    select: Literal["all", "correct"] = "all",
    # Numbers
    ablation: Ablation = "resample",
    curve: bool = True,
    random: int = 3,
    minimality: bool = False,
    pruned: bool = False,
    metric: str | Metric | MetricFunction | None = None,
    # Model and machine
    model: str | Path | nn.Module | Model | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    config: str | Path | None = None,
    gguf_file: str | None = None,
    adapter: str | None = None,
    dtype: DType | None = None,
    device: str | None = None,
    device_map: DeviceMap | None = None,
    kv_heads: KvHeads | None = None,
    attention: str | None = None,
    ignore_config: str | Sequence[str] = (),
    trust_remote_code: bool = False,
    batch_size: int | None = None,
    max_memory: int | str | None = None,
    # How it is carried out
    overwrite: bool = False,
    progress: bool = True,
) -> Evaluated:
    """Measure how much of a behaviour a circuit keeps, every edge outside it patched, as `edgewise evaluate` does.

    Four circuits are run on held-out prompts: the whole model, nothing, the circuit, and all but the circuit. A run's
    scores add a curve over circuit sizes beside random circuits. The numbers are kept in the run's folder: the same
    call reads them again, and one that was stopped goes on where it was.

    Args:
        run: a finished run, or its folder; prompts and model are as in it where they are not given.
        circuit: a circuit file (.json or .pt), or ``hub:OWNER/NAME[@REVISION]``, instead of a run, with ``model``.
        out: with ``circuit``: folder for the result, which makes it resumable.
        ablation: what patched edges carry.
        curve: evaluate the best edges at ten sizes, if scored.
        random: number of random circuits (or rankings) beside them.
        model: with ``circuit``, as of `edgewise.discover`; with a run only where its model was in memory and is not
            here any more: the module again, or its name where it is stored too.
        tokenizer: that of a model in memory, where it has none with it.
        minimality: also remove each edge of the circuit in turn.
        pruned: without what lies on no path, at each of these sizes.
        metric: what is measured; that of the run by default.
        overwrite: measure again, in place of what is stored.
        progress: show what is waited for.

    Every other keyword is an option of the command; `docs/settings.md` and `edgewise evaluate --help` describe each.

    Raises:
        RunError: neither or both of a run and a circuit's file, or no finished run.
        RunConflictError: another evaluation of this ablation is stored there, or files have changed.
        EdgewiseError: anything wrong with the model, the prompts, the metric or the circuit.

    Example:
        ``edgewise.evaluate(run, ablation="mean").faithfulness``
    """
    given = given_of(locals(), RunConfig, EvaluationRequest, MemorySettings)
    folder = None if run is None else folder_of(run)
    file, kept = None if circuit is None else Path(circuit), None if out is None else Path(out)
    stop = STOP if folder or kept else "nothing is kept without out="
    with carried_out(given, overwrite=overwrite, progress=progress, stop=stop, tokenizer=tokenizer) as execution:
        found = measure(folder, file, kept, given, execution).results
    tell(found.warnings)
    return found


def measure(
    folder: Path | None, circuit: Path | None, out: Path | None, given: Mapping[str, Any], execution: Execution
) -> StoredResults[Evaluated]:
    """Measure what was asked for, and put it onto the page of the run.

    Args:
        folder: of a run.
        circuit: a file, in its place.
        out: the folder of a file's result.
        given: settings by their fields.
        execution: how it is carried out.
    """
    numbers = {name: value for name, value in given.items() if name in _NUMBERS}
    own = {name: value for name, value in given.items() if name not in _NUMBERS}
    with _subject(folder, circuit, out, own) as subject:
        stored = evaluate_subject(subject, EvaluationRequest(**numbers), folder or out, execution)
    if subject.run is not None:
        show_on_page(subject.run, execution.report)
    return stored


def measure_mib(
    folder: Path | None, circuit: Path | None, out: Path | None, given: Mapping[str, Any], execution: Execution
) -> MibNumbers:
    """Measure by the protocol of the MIB benchmark; arguments as of `measure`.

    Raises:
        SettingError: a setting that the protocol has itself.
    """
    own = next((name for name in given if name in _NUMBERS and name != "ablation"), None)
    if own is not None:
        raise SettingError(f"{flag(own)}: MIB's protocol says that itself; leave it out")
    rest = {name: value for name, value in given.items() if name not in _NUMBERS}
    with _subject(folder, circuit, out, {"metric": METRIC, **rest}) as subject:
        found = evaluate_mib(subject, folder or out, execution, ablation=given.get("ablation", "resample"))
    if subject.run is not None:
        show_on_page(subject.run, execution.report)
    return found


@contextmanager
def _subject(
    folder: Path | None, circuit: Path | None, out: Path | None, given: dict[str, Any]
) -> Iterator[EvaluatedCircuit]:
    """What is evaluated; within, its model is here."""
    if folder is not None and circuit is not None:
        raise RunError(f"both a run folder ({folder}) and --circuit given; give one of them")
    if folder is not None:
        if out is not None:
            raise RunError(
                "--out goes with --circuit: an evaluation is stored in its run's folder; leave --out out, or give"
                " --circuit FILE"
            )
        with model_of_runs([folder], given):
            yield circuit_of_run(folder, given)
        return
    if circuit is None:
        raise RunError("nothing to evaluate; give the folder of a finished run, or --circuit FILE with --model")
    if "model" not in given:
        raise RunError(f"--circuit {circuit} needs the model that it is a circuit of; add --model")
    yield circuit_of_file(circuit, given)
