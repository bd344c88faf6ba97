"""A stored evaluation as plain text and as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewise.evaluation.result import Evaluation, Measured, Removal, Spread
from edgewise.report.numbers import plain, share
from edgewise.report.table import Table, table
from edgewise.report.text import DEFAULT_TOP, noted, path_words
from edgewise.runs.evaluated import Axes, Evaluated
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.codec import to_json

CARRY = {
    "resample": "what their sources write on the corrupted prompt",
    "zero": "nothing",
    "mean": "their sources' mean over these clean prompts",
    "mean-positional": "their sources' mean over these clean prompts, one a position",
}
_KEPT = ("full", "circuit", "complement", "empty")


def evaluation_document(stored: StoredResults[Evaluated]) -> dict[str, Any]:
    """Return an evaluation as JSON values: its numbers, where they are stored, whether they were there already."""
    where = {"file": None if stored.path is None else str(stored.path), "reused": stored.reused}
    return {**where, "asked": dict(stored.asked), **to_json(stored.results)}


def show_evaluation(stored: StoredResults[Evaluated], top: int = DEFAULT_TOP) -> str:
    """Return what `edgewise evaluate` prints.

    Args:
        stored: an evaluation.
        top: number of removed edges to list at most.
    """
    results = stored.results
    parts = [_what(stored), str(circuits_table(results)), str(shares_table(results)), _curve(stored)]
    if results.minimality is not None:
        parts.append(_minimality(results.minimality, results.metric, top))
    return "\n\n".join(parts)


def _what(stored: StoredResults[Evaluated]) -> str:
    results = stored.results
    prompts, edges = results.prompts, results.edges
    split = f"{prompts.split} " if prompts.split else ""
    dropped = f" ({prompts.dropped} rows dropped)" if prompts.dropped else ""
    lines = [
        f"{stored.asked['model']} on {prompts.what}: {prompts.n:,} {split}prompts{dropped}, {results.metric}",
        f"circuit: {edges.circuit:,} of {edges.graph:,} edges, not pruned{path_words(results.path)}",
        f"ablation: {results.ablation}; patched edges carry {CARRY[results.ablation]}",
    ]
    return "\n".join((*lines, *noted(() if prompts.note is None else (prompts.note,)), *noted(results.notes)))


def circuits_table(results: Evaluated | Evaluation) -> Table:
    """The four circuits that are run, and what each keeps."""
    total, kept = _edges(results)
    counts = {"full": total, "circuit": kept, "complement": total - kept, "empty": 0}
    cells = []
    for name in _KEPT:
        of: Measured = getattr(results, name)
        accuracy = "-" if of.accuracy is None else f"{100 * of.accuracy:.1f} %"
        cells.append((name, f"{counts[name]:,}", plain(of.metric), plain(of.stderr), plain(of.kl), accuracy))
    return Table(("kept", "edges", results.metric, "stderr", "KL", "accuracy"), cells, right=(1, 2, 3, 4, 5))


def _edges(results: Evaluated | Evaluation) -> tuple[int, int]:
    if isinstance(results, Evaluation):
        return results.graph_edges, results.circuit_edges
    return results.edges.graph, results.edges.circuit


def shares_table(results: Evaluated | Evaluation) -> Table:
    """Faithfulness and completeness, and what they are."""
    whole = "(m(full) - m(empty))"
    cells = [
        ("faithfulness", f"(m(circuit) - m(empty)) / {whole}: 1 keeps all of the behaviour"),
        ("completeness", f"(m(complement) - m(empty)) / {whole}: 0 leaves none of it outside"),
    ]
    rows = [
        (name, share(getattr(results, name)), share(getattr(results, f"{name}_stderr")), words) for name, words in cells
    ]
    return Table(("", "value", "stderr", "meaning"), rows, right=(1, 2))


def _curve(stored: StoredResults[Evaluated]) -> str:
    results = stored.results
    axes, rivals = results.axes, results.random
    if results.curve is None or axes is None:
        return f"no curve over circuit sizes: {results.no_curve}"
    what = results.counted
    sizes = (what,) if what == "edges" else (what, "edges")
    header = ("fraction", *sizes, "faithfulness", "stderr", *(("random", "least", "most") if rivals else ()))
    cells = []
    for point in results.curve:
        counts = [f"{point.size:,}", f"{point.edges:,}"][: len(sizes)]
        spread = _spread(point.random) if rivals else []
        row = (f"{point.fraction:g}", *counts, share(point.faithfulness), share(point.stderr), *spread)
        cells.append(row)
    lines = [axes.ranking, table(header, cells, right=range(len(header))), "", _areas(results, axes, stored.asked)]
    return "\n".join(lines)


def _areas(results: Evaluated, axes: Axes, asked: Mapping[str, Any]) -> str:
    rivals = results.random
    header = ("area", axes.ranking.partition(",")[0], *(("random", "least", "most") if rivals else ()))
    cells = []
    for name in ("cpr", "cmd"):
        spread = _spread(getattr(rivals, name)) if rivals else []
        words = "under faithfulness" if name == "cpr" else "between it and 1"
        cells.append((f"{name.upper()} ({words})", share(getattr(results, name)), *spread))
    of_random = f"; {asked['random']} random rankings, seed {asked['seed']}" if rivals else ""
    return f"{table(header, cells, right=range(1, len(header)))}\nx axis: {axes.x}{of_random}"


def _minimality(removed: Sequence[Removal], metric: str, top: int) -> str:
    within = sum(1 for one in removed if one.stderr is not None and abs(one.effect) < 2 * one.stderr)
    shown = removed[:top]
    cells = [(str(number), one.edge, plain(one.effect), plain(one.stderr)) for number, one in enumerate(shown, 1)]
    more = f"\n... and {len(removed) - len(shown):,} more; --json lists all" if len(removed) > len(shown) else ""
    return (
        f"removing one edge from the circuit: m(circuit without it) - m(circuit), {metric}\n"
        f"{table(('#', 'edge', 'effect', 'stderr'), cells, right=(0, 2, 3))}{more}\n"
        f"{within:,} of {len(removed):,} edges change it by less than two standard errors"
    )


def _spread(found: Spread | None) -> list[str]:
    return ["-"] * 3 if found is None else [share(value) for value in (found.mean, found.least, found.most)]
