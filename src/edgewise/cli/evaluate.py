"""`edgewise evaluate`: how much of the behaviour a circuit keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, MEMORY, MODEL, NUMBERS, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Overwrite, split, takes
from edgewise.cli.pictures import show_on_page
from edgewise.cli.progress import STOP
from edgewise.errors import RunError

if TYPE_CHECKING:
    from edgewise.runs.evaluated_circuit import EvaluatedCircuit

EXAMPLES = """Examples:

edgewise evaluate runs/demo

edgewise evaluate runs/demo --ablation mean --n 200 --overwrite

edgewise evaluate runs/demo --minimality --no-curve --json

edgewise evaluate --circuit circuit.json --model gpt2 --task ioi --out runs/theirs

edgewise evaluate --circuit circuit.pt --model ./my-model --data prompts.csv --metric prob-diff
"""

# All of a model's and of the prompts' settings are the run's own where they are not given.
_AS_IN_RUN = "as in the run"
_PROMPTS = PROMPTS.without("split").default(n=_AS_IN_RUN, seed=_AS_IN_RUN, bos=_AS_IN_RUN)
_MODEL = MODEL.default(model=_AS_IN_RUN, dtype=_AS_IN_RUN, device=_AS_IN_RUN, kv_heads=_AS_IN_RUN)


@takes(_PROMPTS, NUMBERS, SCORES.only("metric"), _MODEL, BATCH, MEMORY)
def evaluate(
    given: Given,
    folder: Annotated[
        Path | None,
        typer.Argument(help="The --out of a finished run; what is not given below is as in it.", metavar="[DIR]"),
    ] = None,
    circuit: Annotated[
        Path | None, typer.Option("--circuit", help="A circuit file (.json or .pt) instead of DIR, with --model.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --circuit: folder for the result, which makes it resumable."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure how much of a behaviour a circuit keeps: every edge outside it is patched.

    Four circuits are run on held-out prompts: the whole model, nothing, the circuit, and all but the circuit. A run's
    scores add a curve over circuit sizes beside random circuits. The numbers go to DIR/evaluation-ABLATION.json: the
    same command shows them again, and one that was stopped goes on where it was.
    """
    refuse_unreadable(given)
    from edgewise.report.evaluation import evaluation_document, show_evaluation
    from edgewise.runs.evaluate import evaluate as evaluate_subject
    from edgewise.settings.evaluation import EvaluationRequest

    kept = folder or out
    with carried_out(given, overwrite, STOP if kept else "nothing is kept without --out") as execution:
        numbers, given = split(given, NUMBERS.names)
        wanted = EvaluationRequest(**numbers)
        subject = _subject(folder, circuit, out, given)
        stored = evaluate_subject(subject, wanted, kept, execution)
        if subject.run is not None and not stored.reused:
            show_on_page(subject.run, execution.report)
    output.warn(stored.results.warnings)
    if as_json:
        output.document("evaluation", evaluation_document(stored))
        return
    output.result(show_evaluation(stored))
    if stored.path is not None:
        output.result(f"\n{'Found the finished evaluation in' if stored.reused else 'Wrote'} {stored.path}")


def _subject(folder: Path | None, circuit: Path | None, out: Path | None, given: dict[str, Any]) -> EvaluatedCircuit:
    from edgewise.runs.evaluated_circuit import circuit_of_file, circuit_of_run

    if folder is not None and circuit is not None:
        raise RunError(f"both a run folder ({folder}) and --circuit given; give one of them")
    if folder is not None:
        for name, value in (("--out", out), ("--model", given.get("model"))):
            if value is not None:
                why = "an evaluation is stored in its run's folder" if name == "--out" else "a run names its own model"
                raise RunError(f"{name} goes with --circuit: {why}; leave {name} out, or give --circuit FILE")
        return circuit_of_run(folder, given)
    if circuit is None:
        raise RunError("nothing to evaluate; give the folder of a finished run, or --circuit FILE with --model")
    if "model" not in given:
        raise RunError(f"--circuit {circuit} needs the model that it is a circuit of; add --model")
    return circuit_of_file(circuit, given)
