"""`edgewise evaluate`: how much of the behaviour a circuit keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edgewise.cli import output
from edgewise.cli.options import (
    MACHINE,
    PROMPTS,
    AsJson,
    Attention,
    BatchSize,
    Bos,
    ConfigFile,
    DropInvalid,
    IgnoreConfig,
    KvHeads,
    MaxMemory,
    TaskOptions,
    TrustRemoteCode,
    option,
)
from edgewise.cli.progress import STOP, ShownProgress
from edgewise.cli.values import parse_options, parse_size
from edgewise.errors import RunError

if TYPE_CHECKING:
    from edgewise.evaluation.ablation import Ablation
    from edgewise.runs.subject import Subject

EXAMPLES = """Examples:

edgewise evaluate runs/demo

edgewise evaluate runs/demo --ablation mean --n 200 --overwrite

edgewise evaluate runs/demo --minimality --no-curve --json

edgewise evaluate --circuit circuit.json --model gpt2 --task ioi --out runs/theirs

edgewise evaluate --circuit circuit.pt --model ./my-model --data prompts.csv --metric prob-diff
"""

_CIRCUIT, _NUMBERS = "Circuit", "Numbers"


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The --out of a finished run; what is not given below is as in it.", metavar="[DIR]"),
    ] = None,
    circuit: Annotated[
        Path | None, option(_CIRCUIT, "--circuit", help="A circuit file (.json or .pt) instead of DIR.")
    ] = None,
    out: Annotated[
        Path | None,
        option(_CIRCUIT, "--out", help="With --circuit: folder for the result, which makes it resumable."),
    ] = None,
    task: Annotated[
        str | None, option(PROMPTS, "--task", help="A task: its held-out prompts; see `edgewise list tasks`.")
    ] = None,
    data: Annotated[str | None, option(PROMPTS, "--data", help="A file of prompts: all rows, or the first N.")] = None,
    n: Annotated[int | None, option(PROMPTS, "--n", help="Number of prompts.")] = None,
    seed: Annotated[int | None, option(PROMPTS, "--seed", help="Seed of prompts and of random circuits.")] = None,
    option: TaskOptions = None,
    bos: Bos = None,
    drop_invalid: DropInvalid = False,
    ablation: Annotated[
        str, option(_NUMBERS, "--ablation", help="What patched edges carry: resample, zero, mean, mean-positional.")
    ] = "resample",
    metric: Annotated[
        str | None, option(_NUMBERS, "--metric", help="By default the run's, or that of the prompts.")
    ] = None,
    curve: Annotated[
        bool, option(_NUMBERS, "--curve/--no-curve", help="The best edges at ten sizes, CPR and CMD, if scored.")
    ] = True,
    random: Annotated[int, option(_NUMBERS, "--random", help="Random circuits at each of these sizes.")] = 3,
    minimality: Annotated[
        bool, option(_NUMBERS, "--minimality", help="Also remove each edge of the circuit in turn.")
    ] = False,
    model: Annotated[
        str | None,
        option(MACHINE, "--model", help="With --circuit: bundled name, folder, hub name or weights file."),
    ] = None,
    config: ConfigFile = None,
    dtype: Annotated[str | None, option(MACHINE, "--dtype", help="float32, float64, bfloat16 or float16.")] = None,
    device: Annotated[str | None, option(MACHINE, "--device", help="cpu, cuda, cuda:1, mps.")] = None,
    kv_heads: KvHeads = None,
    attention: Attention = None,
    batch_size: BatchSize = None,
    max_memory: MaxMemory = None,
    ignore_config: IgnoreConfig = None,
    trust_remote_code: TrustRemoteCode = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Measure again, in place of what is stored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how much of a behaviour a circuit keeps: every edge outside it is patched.

    Four circuits are run on held-out prompts: the whole model, nothing, the circuit, and all but the circuit. A run's
    scores add a curve over circuit sizes beside random circuits. The numbers go to DIR/evaluation-ABLATION.json: the
    same command shows them again, and one that was stopped goes on where it was.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.evaluation.wanted import Wanted
    from edgewise.report.evaluation import evaluation_document, show_evaluation
    from edgewise.runs.evaluate import evaluate as evaluate_subject

    quiet_transformers()
    wanted = Wanted(cast("Ablation", ablation), curve, random, minimality=minimality)  # refuses what is no ablation
    given = {
        "model": model,
        "config": config,
        "task": task,
        "data": data,
        "options": parse_options(option) if option else None,
        "n": n,
        "seed": seed,
        "metric": metric,
        "dtype": dtype,
        "device": device,
        "kv_heads": kv_heads,
        "attention": attention,
        "batch_size": batch_size,
        "bos": bos,
        "drop_invalid": drop_invalid or None,
        "ignore_config": tuple(ignore_config) if ignore_config else None,
        "trust_remote_code": trust_remote_code or None,
    }
    subject = _subject(folder, circuit, out, {name: value for name, value in given.items() if value is not None})
    kept = folder or out
    with ShownProgress(STOP if kept else "nothing is kept without --out") as shown:
        stored = evaluate_subject(
            subject, wanted, kept, overwrite=overwrite, max_memory=parse_size(max_memory), on_progress=shown
        )
    output.warn(stored.results["warnings"])
    if as_json:
        output.document(evaluation_document(stored))
        return
    output.result(show_evaluation(stored.results))
    if stored.path is not None:
        output.result(f"\n{'Found the finished evaluation in' if stored.reused else 'Wrote'} {stored.path}")


def _subject(folder: Path | None, circuit: Path | None, out: Path | None, given: dict[str, Any]) -> Subject:
    from edgewise.runs.subject import subject_of_file, subject_of_run

    if folder is not None and circuit is not None:
        raise RunError(f"both a run folder ({folder}) and --circuit given; give one of them")
    if folder is not None:
        for name, value in (("--out", out), ("--model", given.get("model"))):
            if value is not None:
                why = "an evaluation is stored in its run's folder" if name == "--out" else "a run names its own model"
                raise RunError(f"{name} goes with --circuit: {why}; leave {name} out, or give --circuit FILE")
        return subject_of_run(folder, given)
    if circuit is None:
        raise RunError("nothing to evaluate; give the folder of a finished run, or --circuit FILE with --model")
    if "model" not in given:
        raise RunError(f"--circuit {circuit} needs the model that it is a circuit of; add --model")
    return subject_of_file(circuit, given)
