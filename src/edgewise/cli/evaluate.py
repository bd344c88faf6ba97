"""`edgewise evaluate`: how much of the behaviour a circuit keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, MEMORY, MODEL, NUMBERS, PROCESSES, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Overwrite, takes
from edgewise.cli.progress import STOP
from edgewise.errors import RunError, UnknownNameError, did_you_mean

EXAMPLES = """Examples:

edgewise evaluate runs/demo

edgewise evaluate runs/demo --ablation mean --n 200 --overwrite

edgewise evaluate runs/demo --minimality --no-curve --json

edgewise evaluate runs/demo --protocol mib

edgewise evaluate --circuit circuit.json --model gpt2 --task ioi --out runs/theirs

edgewise evaluate --circuit circuit.pt --model ./my-model --data prompts.csv --metric prob-diff
"""

# All of a model's and of the prompts' settings are the run's own where they are not given.
PROTOCOLS = ("edgewise", "mib")
_AS_IN_RUN = "as in the run"
_PROMPTS = PROMPTS.without("split").default(n=_AS_IN_RUN, seed=_AS_IN_RUN, bos=_AS_IN_RUN)
_MODEL = MODEL.default(
    model=_AS_IN_RUN, dtype=_AS_IN_RUN, device=_AS_IN_RUN, device_map=_AS_IN_RUN, kv_heads=_AS_IN_RUN
)


@takes(_PROMPTS, NUMBERS, SCORES.only("metric"), _MODEL, BATCH, MEMORY, PROCESSES)
def evaluate(
    given: Given,
    folder: Annotated[
        Path | None,
        typer.Argument(help="The --out of a finished run; what is not given below is as in it.", metavar="[DIR]"),
    ] = None,
    circuit: Annotated[
        Path | None,
        typer.Option("--circuit", help="A circuit file (.json or .pt), or hub:REPO, instead of DIR, with --model."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --circuit: folder for the result, which makes it resumable."),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help="edgewise, or mib: that benchmark's CPR and CMD, of scores.")
    ] = PROTOCOLS[0],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure how much of a behaviour a circuit keeps: every edge outside it is patched.

    Four circuits are run on held-out prompts: the whole model, nothing, the circuit, and all but the circuit. A run's
    scores add a curve over circuit sizes beside random circuits. The numbers go to DIR/evaluation-ABLATION.json: the
    same command shows them again, and one that was stopped goes on where it was. Of a run of neurons, all heads and
    neurons outside the circuit are patched.
    """
    refuse_unreadable(given)
    from edgewise.report.evaluation import evaluation_document, show_evaluation
    from edgewise.runs.store.neurons import holds_neurons
    from edgewise.verbs.evaluate import measure

    if folder is not None and holds_neurons(folder):
        _neurons(folder, circuit, out, protocol, given, overwrite, as_json)
        return
    if _is_mib(protocol):
        _mib(folder, circuit, out, given, overwrite, as_json)
        return
    with carried_out(given, overwrite, STOP if folder or out else "nothing is kept without --out") as execution:
        stored = measure(folder, circuit, out, given, execution)
    output.warn(stored.results.warnings)
    if as_json:
        output.document("evaluation", evaluation_document(stored))
        return
    output.result(show_evaluation(stored))
    if stored.path is not None:
        output.result(f"\n{'Found the finished evaluation in' if stored.reused else 'Wrote'} {stored.path}")


def _is_mib(protocol: str) -> bool:
    if protocol not in PROTOCOLS:
        near = did_you_mean(protocol, PROTOCOLS) or "."
        raise UnknownNameError(f"unknown protocol '{protocol}'{near} Known protocols: {', '.join(PROTOCOLS)}.")
    return protocol == "mib"


def _mib(
    folder: Path | None, circuit: Path | None, out: Path | None, given: Given, overwrite: bool, as_json: bool
) -> None:
    from edgewise.report.mib import mib_document, show_mib
    from edgewise.verbs.evaluate import measure_mib

    with carried_out(given, overwrite, STOP if folder or out else "nothing is kept without --out") as execution:
        found = measure_mib(folder, circuit, out, given, execution)
    output.warn(found.warnings)
    if as_json:
        output.document("mib", mib_document(found))
        return
    output.result(show_mib(found))


def _neurons(
    folder: Path,
    circuit: Path | None,
    out: Path | None,
    protocol: str,
    given: Given,
    overwrite: bool,
    as_json: bool,
) -> None:
    from edgewise.report.neurons import neuron_evaluation_document, show_neuron_evaluation
    from edgewise.verbs.neurons import measure_neurons

    own = {"--circuit": circuit, "--out": out, "--protocol": _is_mib(protocol)}
    wrong = next((name for name, value in own.items() if value), None)
    if wrong is not None:
        raise RunError(f"{folder}: holds a run of neurons, evaluated with its own model and circuit; leave {wrong} out")
    with carried_out(given, overwrite) as execution:
        stored = measure_neurons(folder, given, execution)
    output.warn(stored.results.warnings)
    if as_json:
        output.document("neuron-evaluation", neuron_evaluation_document(stored))
        return
    output.result(show_neuron_evaluation(stored.results))
    output.result(f"\n{'Found the finished evaluation in' if stored.reused else 'Wrote'} {stored.path}")
