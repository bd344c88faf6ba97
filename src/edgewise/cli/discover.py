"""`edgewise discover`: from a model and prompts to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, CIRCUIT, MEASURE, MEMORY, METHOD_SETTINGS, MODEL, PROCESSES, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Overwrite, takes
from edgewise.cli.sets import discover_sets, sets_of
from edgewise.cli.shared import Together
from edgewise.errors import RunError
from edgewise.settings import flag
from edgewise.settings.together import WAYS

EXAMPLES = """Examples:

edgewise discover --model demo --task ioi --out runs/demo

edgewise discover --model gpt2 --task ioi --n 200 --top 400 --out runs/ioi

edgewise discover --model gpt2 --task ioi --option order=abba --dtype float64 --out runs/abba

edgewise discover --model ./my-model --data prompts.csv --metric prob-diff --out runs/mine

edgewise discover --model gpt2 --data prompts.jsonl --level node --json --out runs/nodes

edgewise discover --model demo --task ioi --level neuron --top 50 --out runs/neurons

edgewise discover --model demo --task ioi --method activation-patching --n 20 --out runs/exact

edgewise discover --model demo --task ioi --method acdc --tau 0.05 --n 20 --out runs/acdc

edgewise discover --model demo --task ioi --method subnetwork-probing --lambda 1 --steps 500 --lr 0.05 --out runs/sp

edgewise discover --model demo --task ioi --method hisp --metric kl --top 100 --out runs/hisp

edgewise discover --model demo --task ioi --bootstrap 200 --top 50 --stable --out runs/stable

edgewise discover --model demo --task ioi --exact 50 --top 100 --out runs/checked

edgewise discover --model demo --task ioi --method acdc --tau 0.02,0.05,0.2 --out runs/sweep

edgewise discover --model demo --task ioi --method eap-acdc --eap-threshold 0.01 --tau 0.05 --out runs/both

edgewise discover --model gpt2 --data a.jsonl --data b.jsonl --top 200 --out runs/sets

edgewise discover --model gpt2-xl --task ioi --top 2000 --no-evaluate --out runs/xl

edgewise discover --model demo --task ioi --keep 0.9 --out runs/smallest

edgewise discover --model weights.pth --config config.json --data ids.jsonl --out runs/compiled
"""


_PROMPTS = PROMPTS.repeatable("task", "data", what="several are sets of prompts, each a run")


@takes(MODEL.only("model"), _PROMPTS, SCORES, METHOD_SETTINGS, CIRCUIT, MEASURE, MODEL, BATCH, MEMORY, PROCESSES)
def discover(
    given: Given,
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    overwrite: Overwrite = False,
    together: Together = WAYS[0],
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Leave out report.html; for sweeps.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score every edge of a model on pairs of prompts and keep the edges that matter.

    The result goes to a folder: run.json, scores.safetensors, circuit.json, how much of the behaviour the circuit
    keeps, faithfulness.json, example prompts, and then a page that explores it, report.html. A finished run of the same
    command is shown again; a run that was stopped goes on where it was.

    With --level neuron every head and every MLP neuron is scored instead, and the best are kept: neurons.json,
    neurons.safetensors, neurons.csv and a page of them.

    Several --data or --task are sets of prompts: each is a run of its own within the folder, and what they share and
    what is specific to each is told as by `edgewise shared`.
    """
    sets, given = sets_of(given)
    if len(sets) > 1:
        discover_sets(sets, given, out, together, overwrite=overwrite, pictures=not no_pictures, as_json=as_json)
        return
    refuse_unreadable(given := {**given, **sets[0]} if sets else given)
    if given.get("level") == "neuron":
        _neurons(given, out, overwrite, as_json, pictures=not no_pictures)
        return
    from edgewise.report.contest.sweep import show_sweep
    from edgewise.report.document import run_document, warnings
    from edgewise.report.text import show_run
    from edgewise.runs.contest.sweep import grid, sweep, sweep_table
    from edgewise.runs.store.codec import to_json
    from edgewise.runs.store.names import PAGE
    from edgewise.verbs.asked import config_of
    from edgewise.verbs.discover import find

    with carried_out(given, overwrite) as execution:
        asked, swept = asked_of(given)
        if swept:
            runs = sweep(grid(config_of(asked), swept), out, execution)
        else:
            runs = (find(config_of(asked), out, execution, pictures=not no_pictures),)
    output.warn(runs[0].record.warnings if swept else warnings(runs[0]))
    found = all(run.reused for run in runs)
    if as_json:
        said = ("sweep", to_json(sweep_table(runs))) if swept else ("run", run_document(runs[0]))
        output.document(*said)
        return
    if swept:
        output.result(show_sweep(runs))
        verb = "Found the finished runs in" if found else "Wrote"
        output.result(f"{verb} {out}: one folder a run, and the table as sweep.json")
        return
    output.result(show_run(runs[0]))
    output.result("" if no_pictures else f"\nPictures and numbers on one page: {out / PAGE}")
    anew = "Wrote another circuit of the scores in" if runs[0].selected_anew else "Wrote"
    output.result(f"{'Found the finished run in' if found else anew} {out}")


def asked_of(given: Given) -> tuple[Given, dict[str, tuple[Any, ...]]]:
    """What was asked for, and the settings of which several values are to be run."""
    several = {one.name for one in METHOD_SETTINGS.settings if one.setting.sweep}
    swept = {name: values for name, values in given.items() if name in several and len(values) > 1}
    left = {name: value for name, value in given.items() if name not in swept}
    return {name: value[0] if name in several else value for name, value in left.items()}, swept


def _neurons(given: Given, out: Path, overwrite: bool, as_json: bool, *, pictures: bool) -> None:
    """Score heads and neurons, and keep the best."""
    from edgewise.report.neurons import neuron_warnings, neurons_document, show_neurons
    from edgewise.runs.store.names import PAGE
    from edgewise.verbs.asked import config_of
    from edgewise.verbs.neurons import find

    with carried_out(given, overwrite) as execution:
        asked, swept = asked_of(given)
        if swept:
            raise RunError(f"{flag(next(iter(swept)))} has several values; give one with --level neuron")
        run = find(config_of(asked), out, execution, pictures=pictures)
    output.warn(neuron_warnings(run))
    if as_json:
        output.document("neurons", neurons_document(run))
        return
    output.result(show_neurons(run))
    output.result(f"\nPictures and numbers on one page: {out / PAGE}" if pictures else "")
    output.result(f"{'Found the finished run in' if run.reused else 'Wrote'} {out}")
