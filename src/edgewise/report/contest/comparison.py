"""A stored comparison as plain text, as one JSON document, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgewise.evaluation.comparison import Matrix
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.comparison import Line, comparison_chart
from edgewise.report.contest.found import known_table, ranked_said
from edgewise.report.cost import passes_words, seconds_words
from edgewise.report.evaluation import CARRY
from edgewise.report.picture.circuit import Heading
from edgewise.report.table import Table, fixed, table
from edgewise.runs.contest.against import Against
from edgewise.runs.contest.comparison_result import ComparedRun, Comparison
from edgewise.runs.evaluated import EvaluatedPrompts
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.codec import to_json

OVERLAP = "Overlap of circuits (Jaccard)"
PASSES_ARE = "passes: forward (F) and backward (B), of the whole model over the run's prompts"


def comparison_document(stored: StoredResults[Comparison]) -> dict[str, Any]:
    """Return a comparison as JSON values: its numbers, where they are stored, whether they were there already."""
    where = {"file": str(stored.path), "reused": stored.reused}
    return {**where, "asked": dict(stored.asked), **to_json(stored.results)}


def show_comparison(stored: StoredResults[Comparison]) -> str:
    """Return what `edgewise compare` prints: the runs and their cost, overlaps, rank correlations, faithfulness."""
    results = stored.results
    parts = [
        "\n".join(comparison_said(stored)),
        f"{runs_table(results.runs)}\n{PASSES_ARE}",
        *_matrices(results),
        *(() if results.known is None else (_known(results.known),)),
        _curves(results),
    ]
    return "\n\n".join(parts)


def _matrices(results: Comparison) -> Iterator[str]:
    """Each run against each; nothing of one alone."""
    if len(results.runs) > 1:
        yield f"{OVERLAP}\n{matrix_table(results.overlap)}"
        yield f"Rank correlation of |score| (Spearman)\n{matrix_table(results.rank_correlation_of_sizes)}"
        yield f"Rank correlation of score, with its sign\n{matrix_table(results.rank_correlation)}"


def comparison_picture(stored: StoredResults[Comparison]) -> Chart:
    """Return the picture: faithfulness by size of every run, and two matrices."""
    results, asked = stored.results, stored.asked
    prompts = results.prompts
    head = Heading(
        _counted(results),
        (
            f"evaluated on {prompts_words(prompts)}, {results.metric}, {asked['ablation']} ablation"
            f" · {results.edges:,} edges",
            *results.notes,
        ),
        results.metric,
    )
    return comparison_chart(comparison_lines(stored), alike(results), head)


def alike(results: Comparison) -> dict[str, Matrix]:
    """How alike the runs are: title -> a matrix; nothing of one alone."""
    if len(results.runs) == 1:
        return {}
    return {
        OVERLAP: results.overlap,
        "Rank correlation of |score|": results.rank_correlation_of_sizes,
    }


def comparison_lines(stored: StoredResults[Comparison]) -> list[Line]:
    """Faithfulness by share of edges kept, of every run and of random rankings."""
    results, asked = stored.results, stored.asked
    lines = [
        Line(
            f"{number}  {run.method}, {run.folder}: {_cost(run)}",
            _shares([(point.edges, point.faithfulness) for point in run.curve or ()], results.edges),
            next(iter(_shares([(run.circuit_edges, run.faithfulness)], results.edges)), None),
        )
        for number, run in enumerate(results.runs, start=1)
    ]
    rivals = results.random
    if rivals:
        points = _shares([(point.edges, point.mean) for point in rivals.curve], results.edges)
        lines.append(Line(f"mean of {asked['random']} random rankings", points))
    return lines


def comparison_said(stored: StoredResults[Comparison]) -> list[str]:
    """What was compared on what, and what to know of it, one line each."""
    results, asked = stored.results, stored.asked
    return [
        f"{_counted(results)}, {results.edges:,} edges, evaluated on"
        f" {prompts_words(results.prompts)} by {results.metric}",
        f"ablation: {asked['ablation']}; patched edges carry {CARRY[asked['ablation']]}",
        *(f"note: {words}" for words in results.notes),
        *(f"note on {number}: {run.note}" for number, run in enumerate(results.runs, start=1) if run.note),
    ]


def _counted(results: Comparison) -> str:
    return f"{len(results.runs)} run{'' if len(results.runs) == 1 else 's'} of {results.model}"


def prompts_words(prompts: EvaluatedPrompts) -> str:
    """How many prompts, and of what."""
    split = f"{prompts.split} " if prompts.split else ""
    return f"{prompts.n:,} {split}prompts of {prompts.what}"


def runs_table(runs: Sequence[ComparedRun]) -> Table:
    """The runs, how good each circuit is and what it cost."""
    cells = [
        (
            str(number),
            run.folder,
            run.method,
            run.metric,
            f"{run.circuit_edges:,}",
            *(fixed(share, 4) for share in (run.faithfulness, run.cpr, run.cmd)),
            passes_words(run.passes),
            seconds_words(run.seconds),
        )
        for number, run in enumerate(runs, start=1)
    ]
    header = ("#", "run", "method", "found by", "circuit", "faithfulness", "CPR", "CMD", "passes", "seconds")
    return Table(header, cells, right=(0, 4, 5, 6, 7, 8, 9))


def matrix_table(rows: Sequence[Sequence[float | None]]) -> Table:
    """Runs against runs."""
    numbers = [str(number) for number in range(1, len(rows) + 1)]
    cells = [(number, *(fixed(value, 3) for value in row)) for number, row in zip(numbers, rows, strict=True)]
    return Table(("", *numbers), cells, right=range(1, len(rows) + 1))


def _known(known: Against) -> str:
    """What each run has of the known circuit."""
    return "\n".join((f"Against {known.circuit}", str(known_table(known)), *ranked_said(known)))


def _curves(results: Comparison) -> str:
    runs, rivals = results.runs, results.random
    curves = [run.curve for run in runs]
    lacking = [f"no curve of {number}: {run.no_curve}" for number, run in enumerate(runs, start=1) if run.curve is None]
    known = next((curve for curve in curves if curve), None)
    if known is None:
        return "\n".join(lacking)
    columns = [str(number) for number, curve in enumerate(curves, start=1) if curve]
    header = ("fraction", *columns, *(("random",) if rivals else ()))
    cells = []
    for at, point in enumerate(known):
        found = [curve[at].faithfulness for curve in curves if curve] + ([rivals.curve[at].mean] if rivals else [])
        cells.append((f"{point.fraction:g}", *(fixed(value, 4) for value in found)))
    counted = {f"{run.level}s" for run in runs if run.curve}
    title = f"Faithfulness of the best {' or '.join(sorted(counted))} of each run, by fraction of all"
    return "\n".join([title, table(header, cells, right=range(len(header))), *lacking])


def _shares(points: Sequence[tuple[int, float | None]], edges: int) -> tuple[tuple[float, float], ...]:
    """Where something is kept and its faithfulness known; one point a size."""
    return tuple((size / edges, value) for size, value in dict(points).items() if size and value is not None)


def _cost(run: ComparedRun) -> str:
    passes = "" if run.passes is None else f"{passes_words(run.passes)}, "
    return f"{passes}{seconds_words(run.seconds)} s"
