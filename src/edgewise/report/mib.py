"""MIB's areas as text and as one JSON document."""

from __future__ import annotations

from typing import Any

from edgewise.evaluation.result import Point
from edgewise.report.numbers import plain, share
from edgewise.report.table import table
from edgewise.runs.mib import MibNumbers
from edgewise.runs.store.codec import to_json


def mib_document(found: MibNumbers) -> dict[str, Any]:
    """Return the two areas as JSON values, with the curves that they are of and where these are stored."""
    first, results = found.signed, found.signed.results
    files = [str(one.path) for one in (found.signed, found.sizes) if one.path is not None]
    return {
        "files": files,
        "reused": first.reused and found.sizes.reused,
        "metric": results.metric,
        "ablation": results.ablation,
        "prompts": to_json(results.prompts),
        "graph_edges": results.edges.graph,
        "full": to_json(results.full),
        "empty": to_json(results.empty),
        "cpr": found.cpr,
        "cmd": found.cmd,
        "signed": to_json(results.curve),
        "sizes": to_json(found.sizes.results.curve),
        "warnings": list(found.warnings),
    }


def show_mib(found: MibNumbers) -> str:
    """Return what `edgewise evaluate --protocol mib` prints."""
    results = found.signed.results
    what = f"{results.prompts.n:,} prompts of {results.prompts.what}, {results.metric}, {results.ablation}"
    curves = zip(results.curve or (), found.sizes.results.curve or (), strict=True)
    rows = [(share(a.fraction), f"{a.size:,}", *_point(a), *_point(b)) for a, b in curves]
    head = ("share", results.counted, "edges by sign", "f", "edges by size", "f")
    areas = table(
        ("area", "value", "what it is"),
        [
            ("CPR", plain(found.cpr), "under f, ranked by sign, pruned; linear axis from .001 to 1; more is better"),
            ("CMD", plain(found.cmd), "between f and 1, ranked by size, pruned; less is better"),
        ],
        right=(1,),
    )
    return "\n\n".join(("MIB's protocol: " + what, str(table(head, rows, right=range(6))), str(areas)))


def _point(one: Point) -> tuple[str, str]:
    return f"{one.edges:,}", plain(one.faithfulness)
