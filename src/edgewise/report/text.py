"""Circuits and runs as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.scores import Ranking
from edgewise.graph.selection import has_path
from edgewise.report.numbers import on_prompts, plain, share
from edgewise.report.prompts import show_briefly
from edgewise.report.rows import Row, best
from edgewise.report.sizes import curve_of_sizes, describe_size, size_notes
from edgewise.report.table import Table, table
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.store.folder import Run
from edgewise.runs.store.record import RunRecord
from edgewise.settings.scoring import MORE_EXACT

DEFAULT_TOP = 20


def show(circuit: Circuit, scores: EdgeScores | NodeScores, top: int = DEFAULT_TOP, by: Ranking = "abs") -> str:
    """Return a table of the best edges (or nodes) and what the circuit keeps.

    Args:
        circuit: the edges kept.
        scores: of the circuit's graph; negative where the edge helps the metric.
        top: number of rows at most.
        by: the ranking, see `EdgeScores.ranking`.
    """
    return f"{circuit_line(circuit)}\n\n{rows_table(best(scores, circuit, top, by), scores)}"


def show_run(run: Run, top: int = DEFAULT_TOP) -> str:
    """Return what `edgewise show` prints: what was run, the metric, the circuit and its worth, and the best edges."""
    record = run.record
    exact = () if record.exact is None else (describe_exact(record), "")
    stable = () if record.stability is None else (describe_stability(record), "")
    prompts = () if record.prompts.shown is None else (show_briefly(record.prompts.shown), "")
    head = "\n".join((what_was_run(record), how_it_was_run(record), "", *prompts, _metric(record), "", *exact, *stable))
    sized = () if run.sized is None else (describe_size(run.sized), *noted(size_notes(run.sized)))
    circuit = "\n".join((circuit_line(run.circuit), *sized, describe_faithfulness(run), *noted(run.notes)))
    curve = "" if run.sized is None else f"\n\n{curve_of_sizes(run.sized)}"
    rows = best(run.scores, run.circuit, top, record.config.selection.by)
    return f"{head}\n{circuit}{curve}\n\n{rows_table(rows, run.scores)}"


def describe_faithfulness(run: Run) -> str:
    """How much of the behaviour the circuit keeps, and on which prompts that was measured."""
    found = run.evaluated
    if found is None:
        return f"faithfulness: not measured; `edgewise evaluate {run.folder}` does"
    return f"faithfulness: {faithfulness(found)}"


def faithfulness(found: Evaluated) -> str:
    """The number, its standard error and the prompts it is a mean over."""
    where = on_prompts(found.prompts)
    if found.faithfulness is None:
        return f"not defined {where}: {found.metric} is the same with every edge patched"
    spread = "" if found.faithfulness_stderr is None else f" (stderr {share(found.faithfulness_stderr)})"
    return f"{share(found.faithfulness)}{spread} of {found.metric} {where}"


def noted(lines: Iterable[str]) -> tuple[str, ...]:
    """Notes as lines of a text."""
    return tuple(f"note: {line}" for line in lines)


def describe_exact(record: RunRecord) -> str:
    """Two sentences on which scores are exact effects, and how good the estimates of these are."""
    found = record.exact
    assert found is not None
    apart = "|score|" if found.second is None else f"max(|score|, |score - {found.second}|)"
    drawn = f", {found.drawn:,} of them drawn by lot" if found.drawn else ""
    lines = [f"exact effects: {found.measured:,} of {found.scored:,} {record.config.level}s, by {apart}{drawn}"]
    if found.pearson is not None and found.spearman is not None:
        agree = f"estimate ({found.first}) and exact agree with Pearson r {found.pearson:.2f}, Spearman"
        lines.append(f"{agree} {found.spearman:.2f} on these; same sign: {found.same_sign or 0.0:.0%}")
    if found.r2 is not None and found.r2_low is not None:
        recall = "" if found.recall is None else f"; {found.recall:.0%} of the {found.k:,} largest are found"
        lines.append(f"all scores against exact effects: {stated_error(found.r2, found.r2_low)}{recall}")
    return "\n".join(lines)


def stated_error(r2: float, r2_low: float) -> str:
    """R squared, and what it is at least."""
    least = f"at least {r2_low:.3f} (90 %)" if r2_low > 0 else f"no bound by so few; {MORE_EXACT} has one"
    return f"R2 {r2:.3f}, {least}"


def describe_stability(record: RunRecord) -> str:
    """One or two sentences on how the circuit varies over resamples of the prompts."""
    found = record.stability
    assert found is not None
    reach = (
        "no number of prompts" if found.prompts_for_target is None else f"about {found.prompts_for_target:,} prompts"
    )
    overlap = f"circuits of {found.n_resamples} resamples of the prompts overlap by {found.jaccard:.2f} (mean Jaccard)"
    if found.jaccard < found.target:
        overlap += f"; {reach} would reach {found.target:g}"
    return f"{overlap}\nsign certain at 95 %: {found.certain:,} of the circuit's {found.kept:,} {record.config.level}s"


def what_was_run(record: RunRecord) -> str:
    """Model, prompts, method and metric."""
    prompts, config = record.prompts, record.config
    dropped = f" ({prompts.dropped} rows dropped)" if prompts.dropped else ""
    how = f"{config.method}, {record.metric.name}"
    return f"{config.model} on {prompts.name}: {prompts.n} prompts{dropped}, {how}"


def how_it_was_run(record: RunRecord) -> str:
    """What is kept, on which machine, in how much time."""
    config = record.config
    rule = record.rule
    machine = f"{config.dtype} on {config.device}, {record.timing['total']:.1f} s"
    return f"{config.level}s kept: {rule}; {machine}"


def _metric(record: RunRecord) -> str:
    metric = record.metric
    rows = [
        ("clean", plain(metric.clean), plain(metric.clean_stderr)),
        ("corrupted", plain(metric.corrupted), plain(metric.corrupted_stderr)),
    ]
    return table(("prompts", metric.name, "stderr"), rows, right=(1, 2))


def circuit_line(circuit: Circuit) -> str:
    """How many edges and nodes it keeps."""
    graph = circuit.graph
    return (
        f"circuit: {circuit.n_edges:,} of {graph.n_edges:,} edges, "
        f"{len(circuit.nodes()):,} of {graph.n_sources + 1:,} nodes{path_words(has_path(circuit))}"
    )


def path_words(path: bool) -> str:
    """What is added to the size of a circuit without a path."""
    return "" if path else ", no path from input to logits"


def rows_table(rows: tuple[Row, ...], scores: EdgeScores | NodeScores) -> Table:
    """The best edges or nodes, with what is known of each."""
    what = "edge" if isinstance(scores, EdgeScores) else "node"
    spread: tuple[str, ...] = ("stderr",) if scores.half_width is None else ("stderr", "95 % from", "to")
    checked = () if scores.verified is None else ("estimate", "score is")
    cells = [
        (
            str(number),
            row.name,
            *(plain(value) for value in (row.score, row.stderr, row.low, row.high)[: len(spread) + 1]),
            *((plain(row.estimated), score_is(row)) if checked else ()),
            "yes" if row.in_circuit else "no",
        )
        for number, row in enumerate(rows, start=1)
    ]
    numbers = 3 + len(spread) + bool(checked)
    return Table(("#", what, "score", *spread, *checked, "in circuit"), cells, right=(0, *range(2, numbers)))


def score_is(row: Row) -> str:
    """Whether a score was measured or estimated."""
    return "exact" if row.verified else "estimate"
