"""Figure 3: ROC of EAP, ACDC and activation patching on Greater-Than, IOI and Docstring.

1. For each task every method is run on the same prompts of the same model, over the same residual edges.
2. Each is held against the circuit that is known of the task in the model; where none is known, against the edges whose
   exact effect on held-out prompts is large (`edgewise.runs.contest.truth`).
3. The panels show TPR against FPR; the table sets the areas and Youden's J beside the published ones.

The paper's curves were not made so: its EAP counted ACDC's direct and placeholder edges, its areas were never printed.
The published numbers are those recomputed from the tables in its notebooks, and from ACDC's stored curves.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.evaluation.roc import Front
from edgewise.paper.figure import Cell, Figure, Made, Published, Request
from edgewise.paper.material import Experiment, base_config, experiments, run_folder
from edgewise.report.charts.roc import Drawn, Panel, panels_chart
from edgewise.report.contest.roc import line_places
from edgewise.report.picture.circuit import Heading
from edgewise.runs.contest.roc import roc
from edgewise.runs.contest.roc_result import RocResult
from edgewise.runs.store.codec import to_json

METHODS = ("eap", "acdc:task", "acdc:kl", "activation-patching")
FAST_TAUS = (0.01, 0.3)

# task -> method -> number -> as published
PUBLISHED = {
    "greater-than": {
        "eap": {"auc": 0.887, "auc_pessimistic": 0.878, "youden": 0.599},
        "acdc:task": {"auc_pessimistic": 0.461},
        "acdc:kl": {"auc_pessimistic": 0.853},
    },
    "ioi": {
        "eap": {"auc": 0.895, "auc_pessimistic": 0.888, "youden": 0.638},
        "acdc:task": {"auc_pessimistic": 0.589},
        "acdc:kl": {"auc_pessimistic": 0.869},
    },
    "docstring": {
        "eap": {"auc": 0.963, "auc_pessimistic": 0.961, "youden": 0.855},
        "acdc:task": {"auc_pessimistic": 0.972},
        "acdc:kl": {"auc_pessimistic": 0.982},
        "activation-patching": {"auc": 0.941, "auc_pessimistic": 0.938, "youden": 0.818},
    },
}
WORDS = {"auc": "AUC", "auc_pessimistic": "AUC, pessimistic", "youden": "Youden's J"}


def make(request: Request) -> Made:
    """Run what is missing and return the figure."""
    found = tuple((one, _compared(one, request)) for one in experiments(request))
    title = "Figure 3: how well methods find the circuit"
    models = ", ".join(dict.fromkeys(result.model for _, result in found))
    heading = Heading(title, (f"model: {models}", *_lines(found)))
    panels = [Panel(one.title, _drawn(result)) for one, result in found]
    return Made(
        picture=panels_chart(panels, heading, "edge"),
        data={one.task: to_json(result) for one, result in found},
        header=("task", "model", "method", "metric", "threshold or setting", "tp", "fp", "tpr", "fpr", "precision"),
        rows=tuple(row for one, result in found for row in _rows(one, result)),
        published=tuple(row for one, result in found for row in _published(one, result)),
        caption=tuple(_caption(request, found)),
    )


FIGURE = Figure("fig3", "ROC of EAP, ACDC and activation patching on three tasks", make)


def _compared(one: Experiment, request: Request) -> RocResult:
    values = {"tau": FAST_TAUS} if request.fast else {}
    folder = run_folder(one, request)
    return roc(base_config(one, request), folder, METHODS, values=values, execution=request.execution)


def _drawn(result: RocResult) -> tuple[Drawn, ...]:
    places = line_places(result.lines)
    return tuple(Drawn(line.title, line.levels["edge"].roc, places[line.name]) for line in result.lines)


def _lines(found: tuple[tuple[Experiment, RocResult], ...]) -> Iterator[str]:
    for one, result in found:
        yield f"{one.title}: {result.n:,} prompts; truth: {_truth(result)}"


def _truth(result: RocResult) -> str:
    return f"{result.truth} ({len(result.truth_edges):,} of {result.edges:,})"


def _rows(one: Experiment, result: RocResult) -> Iterator[tuple[Cell, ...]]:
    for line in result.lines:
        roc = line.levels["edge"].roc
        names: list[Cell] = list(roc.settings) if isinstance(roc, Front) else [_finite(x) for x in roc.thresholds]
        counts = zip(names, roc.true_positives.tolist(), roc.false_positives.tolist(), strict=True)
        rates = zip(roc.tpr.tolist(), roc.fpr.tolist(), roc.precision.tolist(), strict=True)
        for (name, tp, fp), (tpr, fpr, precision) in zip(counts, rates, strict=True):
            yield one.task, result.model, line.name, line.metric, name, tp, fp, tpr, fpr, _finite(precision)


def _published(one: Experiment, result: RocResult) -> Iterator[Published]:
    for line in result.lines:
        for name, words in WORDS.items():
            paper = PUBLISHED.get(one.task, {}).get(line.name, {}).get(name)
            ours = float(getattr(line.levels["edge"].roc, name))
            yield Published(f"{one.title}, {line.title}: {words}", paper, ours, result.model == one.model)


def _caption(request: Request, found: tuple[tuple[Experiment, RocResult], ...]) -> Iterator[str]:
    for one, result in found:
        theirs = f" (the paper counted {one.edges:,}, others than those of the stream among them)"
        yield (
            f"**{one.title}**: model `{result.model}`, {result.n} prompts, metric {result.metric};"
            f" {result.edges:,} edges of the residual stream{theirs if result.model == one.model else ''}."
            f" Truth: {_truth(result)}."
        )
        yield from (f"{note[0].upper()}{note[1:]}." for note in result.notes)
        yield ""
    yield (
        "AUC is the trapezoid over all scores, or through the best circuits of ACDC's thresholds; the pessimistic AUC"
        " is ACDC's."
    )
    if request.fast:
        yield f"Made with `--fast`: {found[0][1].n} prompts a task and {len(FAST_TAUS)} thresholds of ACDC."


def _finite(value: float) -> float | None:
    number = float(value)
    return number if abs(number) < float("inf") else None
