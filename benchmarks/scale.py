"""The tables of docs/scale.md that are of stored measurements, from their JSON files.

python benchmarks/scale.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Steps of `large_graphs.py` that the page shows, by the name it gives them.
SHOWN = {
    "graph": "graph",
    "selection": "1,000 best",
    "table": "their table",
    "storing a run": "storing",
    "reading a run": "reading",
    "page": "page",
    "likeness of two runs": "comparing two",
    "export parquet": "Parquet",
    "import parquet": "reading it",
    "export csv": "CSV",
    "import csv": "reading it",
    "export eap-ig-json": "EAP-IG's JSON",
    "import eap-ig-json": "reading it",
    "export mib-circuits": "MIB's nine circuits",
}

# The cases of `eap.py`, as the page calls them.
BOUND_CASES = {
    "batch8": "GPT-2 small's shape, 32 pairs of 15 tokens, micro-batches of 8",
    "batch32": "the same, micro-batches of 32",
    "shared-prefix": "the same, pairs of 64 tokens that share the first 48",
    "attn-only": "attn-only-4l's shape, 40 pairs of 41 tokens",
    "llama-gqa": "8 Llama layers of width 1024, grouped heads, 16 pairs of 32 tokens",
    "gemma2": "the same with Gemma 2's layers",
    "qwen3": "the same with Qwen 3's layers",
    "smollm2-ioi": "SmolLM2-135M-Instruct, 32 pairs of IOI, micro-batches of 16",
    "gemma3-ioi": "Gemma 3 270M, likewise",
}


def stored(name: str) -> Any:
    """The measurements of a script."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown."""
    yield from (f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def graphs() -> Iterator[str]:
    """Seconds of each step, by the number of edges."""
    found = stored("large_graphs")
    header = ["", *(f"{row['edges']:,} edges" for row in found)]
    steps = [[shown, *(_seconds(row["seconds"].get(step)) for row in found)] for step, shown in SHOWN.items()]
    peaks = ["peak memory, MB", *(f"{row['peak_mb']:,}" for row in found)]
    yield from lines(header, [*steps, peaks])


def curves() -> Iterator[str]:
    """Exponents of cost."""
    found = stored("cost_curves")
    axes = list(dict.fromkeys(row["by"] for row in found))
    known = {(row["of"], row["by"]): row["exponent"] for row in found}
    things = list(dict.fromkeys(row["of"] for row in found))
    rows = [[thing, *(_exponent(known.get((thing, axis))) for axis in axes)] for thing in things]
    yield from lines(["", *axes], rows)


def prompts() -> Iterator[str]:
    """The peak by the number of prompts."""
    columns = ("prompts", "peak_mb", "parquet_mb")
    rows = [[f"{row[column]:,}" for column in columns] for row in stored("many_prompts")]
    yield from lines(["prompts", "JSON lines, read and scored: peak memory, MB", "Parquet, read alone"], rows)


def model() -> Iterator[str]:
    """The large model against its bound."""
    rows = [
        [
            row["dtype"],
            str(one["micro_batch"]),
            f"{one['s']:.1f}",
            f"{one['ratio']:.2f}",
            f"{one['adds_mb']:,}",
            f"{one['memory_ratio']:.2f}",
        ]
        for row in stored("large_model")
        for one in sorted(row["eap"], key=lambda one: -one["micro_batch"])
    ]
    header = ["weights", "prompts at a time", "seconds", "by the bound's", "MB above the model", "by the bound's"]
    yield from lines(header, rows)


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def _exponent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def bound() -> Iterator[str]:
    """Time and memory by the lower bound's, the worse of one thread and of two."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in stored("bound"):
        found.setdefault(row["case"], []).append(row)
    header = ["", "time by the bound's", "quartiles of repeats", "peak memory by the bound's"]
    rows = []
    for case, measured in found.items():
        worst = max(measured, key=lambda row: row["ratio"])
        low, high = worst["quartiles"]
        peak = max(row["peak_ratio"] for row in measured)
        rows.append([BOUND_CASES[case], f"{worst['ratio']:.2f}", f"{low:.2f} to {high:.2f}", f"{peak:.2f}"])
    yield from lines(header, rows)


TABLES = {"bound": bound, "large_graphs": graphs, "cost_curves": curves, "many_prompts": prompts, "large_model": model}


def main() -> None:
    """Print them all."""
    for name, table in TABLES.items():
        print(f"\n{name}\n", *table(), sep="\n")


if __name__ == "__main__":
    main()
