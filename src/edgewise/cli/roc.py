"""`edgewise roc`: methods against a circuit that is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edgewise.cli import output
from edgewise.cli.options import (
    MACHINE,
    PROMPTS,
    AsJson,
    BatchSize,
    Bos,
    ConfigFile,
    DropInvalid,
    IgnoreConfig,
    MaxMemory,
    TaskOptions,
    TrustRemoteCode,
    option,
)
from edgewise.cli.progress import ShownProgress
from edgewise.cli.values import given, parse_numbers, parse_options, parse_size

if TYPE_CHECKING:
    from edgewise.graph.scores import Ranking

EXAMPLES = """Examples:

edgewise roc --task ioi --n 50 --out runs/roc

edgewise roc --model planted:3 --task planted --methods eap,acdc:kl --out runs/roc-planted

edgewise roc --model gpt2 --task ioi --methods eap --bootstrap 200 --out runs/roc-ioi

edgewise roc --task greater-than --truth exact:5% --taus 0.001,0.01,0.1 --out runs/roc-exact

edgewise roc --model ./my-model --data prompts.csv --truth circuit.json --level node --out runs/roc-mine
"""

_COMPARED = "What is compared"


def roc(
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, the table and the picture.")],
    methods: Annotated[
        str | None,
        option(_COMPARED, "--methods", help="Names, parted by commas; by default all but sp (subnetwork probing)."),
    ] = None,
    truth: Annotated[
        str | None,
        option(
            _COMPARED,
            "--truth",
            help="known, FILE.json, or exact:X: edges of exact effect X or X% of clean - corrupted; by default what"
            " is known, else exact:2%.",
        ),
    ] = None,
    taus: Annotated[
        str | None,
        option(_COMPARED, "--taus", help="ACDC's thresholds; by default 0,0.0001,0.001,0.003,0.01,0.03,0.1,0.3,1,3."),
    ] = None,
    lambdas: Annotated[
        str | None,
        option(
            _COMPARED,
            "--lambdas",
            help="Weights of subnetwork probing's penalty; by default 0.01 to 250 for KL, 0.0001 to 100 for the task.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        option(
            _COMPARED,
            "--steps",
            help="Subnetwork probing's steps; by default 10,000.",
        ),
    ] = None,
    lr: Annotated[
        float | None, option(_COMPARED, "--lr", help="Subnetwork probing's learning rate; by default 0.001.")
    ] = None,
    eap_fraction: Annotated[
        float | None,
        option(_COMPARED, "--eap-fraction", help="Share of edges that EAP leaves ACDC in eap-acdc; by default 0.25."),
    ] = None,
    by: Annotated[str, option(_COMPARED, "--by", help="Rank by abs, signed, helpful or mean-abs.")] = "abs",
    level: Annotated[str, option(_COMPARED, "--level", help="What is shown: edge or node.")] = "edge",
    bootstrap: Annotated[
        int, option(_COMPARED, "--bootstrap", help="Intervals from so many resamples of the prompts, e.g. 200.")
    ] = 0,
    task: Annotated[str | None, option(PROMPTS, "--task", help="A task; see `edgewise list tasks`.")] = None,
    data: Annotated[str | None, option(PROMPTS, "--data", help="A CSV, JSONL or Parquet file of prompts.")] = None,
    n: Annotated[int | None, option(PROMPTS, "--n", help="Number of prompts: 100 of a task, all of a file.")] = None,
    seed: Annotated[int, option(PROMPTS, "--seed", help="Seed of the task's generator.")] = 0,
    option: TaskOptions = None,
    bos: Bos = None,
    drop_invalid: DropInvalid = False,
    metric: Annotated[
        str | None, option(PROMPTS, "--metric", help="By default that of the task; see `edgewise list metrics`.")
    ] = None,
    model: Annotated[str, option(MACHINE, "--model", help="Bundled name, folder, hub name or weights file.")] = "demo",
    config: ConfigFile = None,
    dtype: Annotated[str, option(MACHINE, "--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    device: Annotated[str, option(MACHINE, "--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    batch_size: BatchSize = None,
    max_memory: MaxMemory = None,
    ignore_config: IgnoreConfig = None,
    trust_remote_code: TrustRemoteCode = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Compute all again, in place of what OUT holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold methods against a circuit that is known: ROC curves, areas under them, Youden's J.

    Every method is a run in a folder of its own under OUT, made as `edgewise discover` makes it; those that need a
    threshold are run for each of a list. The same command goes on where it was stopped, and one with more methods makes
    only what is missing. The numbers go to roc.json, the picture to roc.svg, roc.png and roc-dark.png.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.report.roc import roc_pictures, show_roc
    from edgewise.runs.config import LEVELS, RunConfig
    from edgewise.runs.results import write_files
    from edgewise.runs.roc import DEFAULT_METHODS, Question, contest

    quiet_transformers()
    if level not in LEVELS:
        raise typer.BadParameter(f"{level} is neither edge nor node", param_hint="--level")
    base = RunConfig(
        model=model,
        config=config,
        task=task,
        data=data,
        options=parse_options(option or ()),
        n=n,
        seed=seed,
        metric=metric,
        dtype=dtype,
        device=device,
        batch_size=batch_size,
        bos=bos,
        bootstrap=bootstrap,
        drop_invalid=drop_invalid,
        ignore_config=tuple(ignore_config or ()),
        trust_remote_code=trust_remote_code,
    )
    question = Question(
        base,
        DEFAULT_METHODS if methods is None else tuple(name.strip() for name in methods.split(",")),
        truth,
        given(
            tau=None if taus is None else parse_numbers("--taus", taus),
            lambda_=None if lambdas is None else parse_numbers("--lambdas", lambdas),
        ),
        {"subnetwork-probing": given(steps=steps, lr=lr), "eap-acdc": given(eap_fraction=eap_fraction)},
        cast("Ranking", by),
    )
    with ShownProgress() as shown:
        result = contest(question, out, overwrite=overwrite, max_memory=parse_size(max_memory), on_progress=shown)
    write_files(out, roc_pictures(result, level))
    if as_json:
        output.document({"folder": str(out), **result.to_json()})
        return
    output.result(show_roc(result, level))
    output.result(f"\nPicture: {out / 'roc.svg'}\nWrote {out / 'roc.json'}")
