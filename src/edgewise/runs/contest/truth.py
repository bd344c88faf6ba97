"""What methods are held against: a circuit that is known beforehand, or what exact patching finds.

1. A circuit as `edgewise.runs.contest.asked_circuit` takes it: ``known``, that of a model that is built by hand, else
   the published one of the task in this model; one by name; a file's.
2. ``exact:X``: every edge whose exact effect on the metric is X or more in size, measured by patching it alone on the
   task's held-out prompts, which the methods do not see. ``exact:2%`` takes X from the metric: so many per cent of the
   difference between clean and corrupted prompts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from edgewise.errors import RunError, SelectionError
from edgewise.graph import Circuit, threshold
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.asked_circuit import asked_circuit, known_circuit
from edgewise.runs.contest.entrants import REFERENCE
from edgewise.runs.contest.published import ASKED_KNOWN, AskedCircuit
from edgewise.runs.discover import find_circuit
from edgewise.runs.setup import prepare
from edgewise.runs.steps import Execution, Steps

TRUTH = "truth"
EXACT_PREFIX = "exact:"
DEFAULT_EXACT = "exact:2%"


@dataclass(frozen=True)
class Truth:
    """The circuit that methods are held against.

    Args:
        circuit: its edges.
        asked: how it was asked for.
        words: what it is, for headings.
        exact: whether it was measured by exact patching.
        digest: SHA-256 of its file, if it came from one.
    """

    circuit: Circuit
    asked: str
    words: str
    exact: bool = False
    digest: str | None = None


def truth_of(base: RunConfig, folder: Path, execution: Execution = Execution()) -> Truth:
    """What a contest in this folder holds methods against where nothing else is asked for; raises as `find_truth`."""
    return find_truth(None, base, prepare(base, None, Steps(execution.report)).model, folder, execution)


def find_truth(asked: str | None, base: RunConfig, model: Model, folder: Path, execution: Execution) -> Truth:
    """Return the truth that was asked for.

    Args:
        asked: a known circuit in any of its forms, or ``"exact:X"``; None takes what is known, else ``exact:2%``.
        base: model and prompts.
        model: loaded.
        folder: the contest's; the run of exact patching goes to ``truth`` in it.
        execution: how that is carried out.

    Raises:
        RunError: nothing is known of this task in this model, or exact patching has no prompts to itself.
        SelectionError: an edge that the model does not have, or a circuit without edges, or with all of them.
        FormatError: a file that is no circuit.
    """
    asked = asked or (ASKED_KNOWN if known_truth(base, model) else DEFAULT_EXACT)
    if asked.startswith(EXACT_PREFIX):
        found = _exact(asked, base, folder / TRUTH, execution.named(TRUTH))
    else:
        found = _asked(asked, base, model)
    n = found.circuit.n_edges
    if n in (0, model.graph.n_edges):
        which = "no edge" if n == 0 else "every edge"
        hint = "; give another threshold" if found.exact else ""
        raise SelectionError(f"the true circuit ({found.words}) has {which}, so there is nothing to tell apart{hint}")
    return found


def known_truth(base: RunConfig, model: Model) -> Truth | None:
    """Return the circuit of a model that is built by hand, else the published one of the task in this model, if any.

    Raises:
        SelectionError: an edge of it that the model does not have.
    """
    known = known_circuit(base, model.graph, model.circuit)
    return None if known is None or known.circuit is None else _truth(known)


def _asked(asked: str, base: RunConfig, model: Model) -> Truth:
    try:
        return _truth(asked_circuit(asked, base, model.graph))
    except RunError as error:
        raise RunError(f"--truth {asked}: {error}, or {DEFAULT_EXACT}") from None


def _truth(known: AskedCircuit) -> Truth:
    return Truth(known.require_edges(), known.asked, known.words, digest=known.digest)


def _exact(asked: str, base: RunConfig, folder: Path, execution: Execution) -> Truth:
    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:e-?\d+)?)(%?)", asked.removeprefix(EXACT_PREFIX))
    if match is None or float(match[1]) <= 0:
        raise RunError(
            f"--truth {asked}: write exact: and a number above 0 in units of the metric, or in per cent of clean -"
            f" corrupted, as in {DEFAULT_EXACT}"
        )
    if base.task is None:
        raise RunError(
            "exact patching needs prompts that the methods do not see, and a data file has no held-out part;"
            " give --task, or --truth FILE.json"
        )
    plain = replace(base, split="held-out", per_prompt=False, bootstrap=0)
    (config,) = REFERENCE.configs(plain, base.metric or "").values()
    run = find_circuit(config, folder, execution)
    metric = run.record.metric
    least = float(match[1]) * (abs(metric.clean - metric.corrupted) / 100 if match[2] else 1.0)
    share = f" ({match[1]} % of clean - corrupted)" if match[2] else ""
    words = f"edges whose exact effect on {metric.name} is {least:.3g} or more{share}"
    return Truth(
        threshold(run.edge_scores, least), asked, f"{words}, on {run.record.prompts.n:,} held-out prompts", exact=True
    )
