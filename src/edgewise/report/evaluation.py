"""A stored evaluation as plain text and as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.report.table import table
from edgewise.report.text import DEFAULT_TOP, plain
from edgewise.runs.evaluate import StoredEvaluation

CARRY = {
    "resample": "what their sources write on the corrupted prompt",
    "zero": "nothing",
    "mean": "their sources' mean over these clean prompts",
    "mean-positional": "their sources' mean over these clean prompts, one a position",
}
_KEPT = ("full", "circuit", "complement", "empty")


def evaluation_document(stored: StoredEvaluation) -> dict[str, Any]:
    """Return an evaluation as JSON values: its numbers, where they are stored, whether they were there already."""
    results = {name: value for name, value in stored.results.items() if name != "format"}
    return {"file": None if stored.path is None else str(stored.path), "reused": stored.reused, **results}


def show_evaluation(results: Mapping[str, Any], top: int = DEFAULT_TOP) -> str:
    """Return what `edgewise evaluate` prints.

    Args:
        results: of a `StoredEvaluation`.
        top: number of removed edges to list at most.
    """
    parts = [_what(results), _circuits(results), _shares(results), _curve(results)]
    if results["minimality"] is not None:
        parts.append(_minimality(results, top))
    return "\n\n".join(parts)


def _what(results: Mapping[str, Any]) -> str:
    prompts, edges = results["prompts"], results["edges"]
    split = f"{prompts['split']} " if prompts["split"] else ""
    dropped = f" ({prompts['dropped']} rows dropped)" if prompts["dropped"] else ""
    lines = [
        f"{results['asked']['model']} on {prompts['what']}: {prompts['n']:,} {split}prompts{dropped},"
        f" {results['metric']}",
        f"circuit: {edges['circuit']:,} of {edges['graph']:,} edges, not pruned",
        f"ablation: {results['ablation']}; patched edges carry {CARRY[results['ablation']]}",
    ]
    return "\n".join(lines if prompts["note"] is None else [*lines, f"note: {prompts['note']}"])


def _circuits(results: Mapping[str, Any]) -> str:
    total, kept = results["edges"]["graph"], results["edges"]["circuit"]
    counts = {"full": total, "circuit": kept, "complement": total - kept, "empty": 0}
    cells = []
    for name in _KEPT:
        of = results[name]
        accuracy = "-" if of["accuracy"] is None else f"{100 * of['accuracy']:.1f} %"
        cells.append((name, f"{counts[name]:,}", plain(of["metric"]), plain(of["stderr"]), plain(of["kl"]), accuracy))
    return table(("kept", "edges", results["metric"], "stderr", "KL", "accuracy"), cells, right=(1, 2, 3, 4, 5))


def _shares(results: Mapping[str, Any]) -> str:
    whole = "(m(full) - m(empty))"
    cells = [
        ("faithfulness", f"(m(circuit) - m(empty)) / {whole}: 1 keeps all of the behaviour"),
        ("completeness", f"(m(complement) - m(empty)) / {whole}: 0 leaves none of it outside"),
    ]
    rows = [(name, _share(results[name]), _share(results[f"{name}_stderr"]), words) for name, words in cells]
    return table(("", "value", "stderr", "meaning"), rows, right=(1, 2))


def _curve(results: Mapping[str, Any]) -> str:
    if results["curve"] is None:
        return f"no curve over circuit sizes: {results['no_curve']}"
    axes, rivals = results["axes"], results["random"]
    what = axes["x"].removeprefix("fraction of ").partition(",")[0]
    sizes = (what,) if what == "edges" else (what, "edges")
    header = ("fraction", *sizes, "faithfulness", "stderr", *(("random", "least", "most") if rivals else ()))
    cells = []
    for point in results["curve"]:
        counts = [f"{point['size']:,}", f"{point['edges']:,}"][: len(sizes)]
        spread = [_share(point["random"][name]) for name in ("mean", "least", "most")] if rivals else []
        row = (f"{point['fraction']:g}", *counts, _share(point["faithfulness"]), _share(point["stderr"]), *spread)
        cells.append(row)
    lines = [axes["ranking"], table(header, cells, right=range(len(header))), "", _areas(results)]
    return "\n".join(lines)


def _areas(results: Mapping[str, Any]) -> str:
    rivals, asked = results["random"], results["asked"]
    header = ("area", results["axes"]["ranking"].partition(",")[0], *(("random", "least", "most") if rivals else ()))
    cells = []
    for name in ("cpr", "cmd"):
        spread = [_share(rivals[name][part]) for part in ("mean", "least", "most")] if rivals else []
        words = "under faithfulness" if name == "cpr" else "between it and 1"
        cells.append((f"{name.upper()} ({words})", _share(results[name]), *spread))
    of_random = f"; {asked['random']} random rankings, seed {asked['seed']}" if rivals else ""
    return f"{table(header, cells, right=range(1, len(header)))}\nx axis: {results['axes']['x']}{of_random}"


def _minimality(results: Mapping[str, Any], top: int) -> str:
    removed = results["minimality"]
    within = sum(1 for one in removed if one["stderr"] is not None and abs(one["effect"]) < 2 * one["stderr"])
    shown = removed[:top]
    cells = [
        (str(number), one["edge"], plain(one["effect"]), plain(one["stderr"])) for number, one in enumerate(shown, 1)
    ]
    more = f"\n... and {len(removed) - len(shown):,} more; --json lists all" if len(removed) > len(shown) else ""
    return (
        f"removing one edge from the circuit: m(circuit without it) - m(circuit), {results['metric']}\n"
        f"{table(('#', 'edge', 'effect', 'stderr'), cells, right=(0, 2, 3))}{more}\n"
        f"{within:,} of {len(removed):,} edges change it by less than two standard errors"
    )


def _share(value: float | None) -> str:
    """Four digits after the point: a share of the behaviour, for which a millionth is nothing."""
    return "-" if value is None else f"{value:.4f}".replace("-0.0000", "0.0000")
