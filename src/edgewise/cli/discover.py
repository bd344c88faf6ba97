"""`edgewise discover`: from a model and prompts to a run folder."""

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
    By,
    ConfigFile,
    DropInvalid,
    Fraction,
    Greedy,
    IgnoreConfig,
    KvHeads,
    MaxMemory,
    Prune,
    Stable,
    TaskOptions,
    Threshold,
    Top,
    TrustRemoteCode,
    option,
)
from edgewise.cli.progress import ShownProgress
from edgewise.cli.values import given, parse_options, parse_several, parse_size

if TYPE_CHECKING:
    from edgewise.graph.scores import Ranking
    from edgewise.runs.config import Level

EXAMPLES = """Examples:

edgewise discover --model demo --task ioi --out runs/demo

edgewise discover --model gpt2 --task ioi --n 200 --top 400 --out runs/ioi

edgewise discover --model gpt2 --task ioi --option order=abba --dtype float64 --out runs/abba

edgewise discover --model ./my-model --data prompts.csv --metric prob-diff --out runs/mine

edgewise discover --model gpt2 --data prompts.jsonl --level node --json --out runs/nodes

edgewise discover --model demo --task ioi --method activation-patching --n 20 --out runs/exact

edgewise discover --model demo --task ioi --method acdc --tau 0.05 --n 20 --out runs/acdc

edgewise discover --model demo --task ioi --method subnetwork-probing --lambda 1 --steps 500 --lr 0.05 --out runs/sp

edgewise discover --model demo --task ioi --method hisp --metric kl --top 100 --out runs/hisp

edgewise discover --model demo --task ioi --bootstrap 200 --top 50 --stable --out runs/stable

edgewise discover --model demo --task ioi --exact 50 --top 100 --out runs/checked

edgewise discover --model demo --task ioi --method acdc --tau 0.02,0.05,0.2 --out runs/sweep

edgewise discover --model demo --task ioi --method eap-acdc --eap-threshold 0.01 --tau 0.05 --out runs/both

edgewise discover --model weights.pth --config config.json --data ids.jsonl --out runs/compiled
"""

_SCORES, _SETTINGS = "Scores", "Settings of methods"


def discover(
    model: Annotated[str, option(MACHINE, "--model", help="Bundled name, folder, hub name or weights file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    task: Annotated[str | None, option(PROMPTS, "--task", help="A task; see `edgewise list tasks`.")] = None,
    data: Annotated[str | None, option(PROMPTS, "--data", help="A CSV, JSONL or Parquet file of prompts.")] = None,
    n: Annotated[int | None, option(PROMPTS, "--n", help="Number of prompts: 100 of a task, all of a file.")] = None,
    seed: Annotated[int, option(PROMPTS, "--seed", help="Seed of the task's generator.")] = 0,
    split: Annotated[
        str, option(PROMPTS, "--split", help="discovery or held-out; no prompt is in both.")
    ] = "discovery",
    option: TaskOptions = None,
    bos: Bos = None,
    drop_invalid: DropInvalid = False,
    method: Annotated[
        str, option(_SCORES, "--method", help="How to score; see `edgewise list methods`.")
    ] = "eap-secant",
    metric: Annotated[
        str | None,
        option(_SCORES, "--metric", help="By default that of the task; see `edgewise list metrics`."),
    ] = None,
    level: Annotated[str, option(_SCORES, "--level", help="edge or node.")] = "edge",
    per_prompt: Annotated[bool, option(_SCORES, "--per-prompt", help="Store every prompt's scores too.")] = False,
    bootstrap: Annotated[
        int, option(_SCORES, "--bootstrap", help="Intervals from so many resamples of the prompts, e.g. 200.")
    ] = 0,
    exact: Annotated[
        int, option(_SCORES, "--exact", help="Patch so many edges (or nodes) of large or unsure estimate exactly.")
    ] = 0,
    only: Annotated[
        list[str] | None,
        option(_SETTINGS, "--only", help="activation-patching: these alone, e.g. '*->logits'; repeatable."),
    ] = None,
    tau: Annotated[
        list[str] | None,
        option(_SETTINGS, "--tau", help="acdc: threshold, in metric units; several (0.01,0.02) make a sweep."),
    ] = None,
    eap_threshold: Annotated[
        list[str] | None,
        option(_SETTINGS, "--eap-threshold", help="eap-acdc: test edges with |EAP| of this or more; or several."),
    ] = None,
    eap_top: Annotated[
        list[str] | None,
        option(_SETTINGS, "--eap-top", help="eap-acdc: test so many edges, best by |EAP|; or several."),
    ] = None,
    eap_fraction: Annotated[
        list[str] | None,
        option(_SETTINGS, "--eap-fraction", help="eap-acdc: test this share of edges, best by |EAP|; or several."),
    ] = None,
    absolute: Annotated[
        bool | None, option(_SETTINGS, "--absolute", help="acdc: compare the size of a change with --tau.")
    ] = None,
    direct_edges: Annotated[
        bool | None,
        option(_SETTINGS, "--direct-edges", help="acdc: first test q, k, v of heads as a whole, as the original."),
    ] = None,
    lambda_: Annotated[
        float | None, option(_SETTINGS, "--lambda", help="subnetwork-probing: weight of the penalty on what is kept.")
    ] = None,
    masks: Annotated[
        str | None, option(_SETTINGS, "--masks", help="subnetwork-probing: node (q, k, v, MLPs; the default) or edge.")
    ] = None,
    steps: Annotated[
        int | None,
        option(_SETTINGS, "--steps", help="eap-ig-*: points of the path; subnetwork-probing: its steps."),
    ] = None,
    lr: Annotated[
        float | None, option(_SETTINGS, "--lr", help="subnetwork-probing: learning rate, by default 0.001.")
    ] = None,
    minibatch: Annotated[
        int | None, option(_SETTINGS, "--minibatch", help="subnetwork-probing: prompts a step, by default all.")
    ] = None,
    method_seed: Annotated[
        int | None,
        option(_SETTINGS, "--method-seed", help="random, subnetwork-probing: seed of the draws, by default --seed."),
    ] = None,
    rule: Annotated[
        str | None, option(_SETTINGS, "--rule", help="eap-ig-inputs: left, right, midpoint or trapezoid.")
    ] = None,
    reading: Annotated[
        str | None, option(_SETTINGS, "--reading", help="eap-ig-activations: average, or source for each source's own.")
    ] = None,
    grad_drop: Annotated[
        bool | None,
        option(_SETTINGS, "--grad-drop/--no-grad-drop", help="atp-star: sizes with each layer dropped; the default."),
    ] = None,
    top: Top = None,
    threshold: Threshold = None,
    fraction: Fraction = None,
    by: By = "abs",
    greedy: Greedy = False,
    prune: Prune = False,
    stable: Stable = False,
    config: ConfigFile = None,
    dtype: Annotated[str, option(MACHINE, "--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    device: Annotated[str, option(MACHINE, "--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    kv_heads: KvHeads = None,
    attention: Attention = None,
    batch_size: BatchSize = None,
    max_memory: MaxMemory = None,
    ignore_config: IgnoreConfig = None,
    trust_remote_code: TrustRemoteCode = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Compute again, in place of what OUT holds.")] = False,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Leave out pictures and report.html; for sweeps.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score every edge of a model on pairs of prompts and keep the edges that matter.

    The result goes to a folder: run.json, scores.safetensors, circuit.json, and then pictures of it and a page
    that shows it, report.html. A finished run of the same command is shown again; a run that was stopped goes on
    where it was.
    """
    from edgewise.cli.pictures import show_in_pictures
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.report.document import run_document
    from edgewise.report.sweep import show_sweep
    from edgewise.report.text import show_run
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import discover as discover_run
    from edgewise.runs.selection import Selection
    from edgewise.runs.sweep import grid, sweep, sweep_document

    quiet_transformers()
    several: dict[str, tuple[Any, ...]] = {
        "eap_threshold": parse_several("--eap-threshold", eap_threshold),
        "eap_fraction": parse_several("--eap-fraction", eap_fraction),
        "eap_top": tuple(int(x) if x.is_integer() else x for x in parse_several("--eap-top", eap_top)),
        "tau": parse_several("--tau", tau),
    }
    asked = RunConfig(
        model=model,
        config=config,
        task=task,
        data=data,
        options=parse_options(option or ()),
        n=n,
        seed=seed,
        split=split,
        method=method,
        level=cast("Level", level),  # the config refuses what is none
        metric=metric,
        settings=given(
            only=only,
            absolute=absolute,
            direct_edges=direct_edges,
            lambda_=lambda_,
            masks=masks,
            steps=steps,
            lr=lr,
            minibatch=minibatch,
            method_seed=method_seed,
            rule=rule,
            reading=reading,
            grad_drop=grad_drop,
        )
        | {name: values[0] for name, values in several.items() if len(values) == 1},
        selection=Selection(top, threshold, fraction, cast("Ranking", by), greedy, prune, stable),
        dtype=dtype,
        device=device,
        kv_heads=kv_heads or "native",
        attention=attention,
        batch_size=batch_size,
        bos=bos,
        per_prompt=per_prompt,
        bootstrap=bootstrap,
        exact=exact,
        drop_invalid=drop_invalid,
        ignore_config=tuple(ignore_config or ()),
        trust_remote_code=trust_remote_code,
    )
    swept = {name: values for name, values in several.items() if len(values) > 1}
    if swept:
        with ShownProgress() as shown:
            runs = sweep(
                grid(asked, swept), out, overwrite=overwrite, max_memory=parse_size(max_memory), on_progress=shown
            )
        output.warn(runs[0].record.warnings)
        if as_json:
            output.document(sweep_document(runs))
            return
        output.result(show_sweep(runs))
        verb = "Found the finished runs in" if all(run.reused for run in runs) else "Wrote"
        output.result(f"{verb} {out}: one folder a run, and the table as sweep.json")
        return
    with ShownProgress() as shown:
        run = discover_run(asked, out, overwrite=overwrite, max_memory=parse_size(max_memory), on_progress=shown)
    output.warn(run.record.warnings)
    page = None if no_pictures else show_in_pictures(run)
    if as_json:
        output.document(run_document(run))
        return
    output.result(show_run(run))
    output.result(f"\nPictures and numbers on one page: {page}" if page else "")
    verb = "Found the finished run in" if run.reused else "Wrote"
    output.result(f"{verb} {run.folder}")
