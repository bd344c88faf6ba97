"""The page on scale shows what was measured, and what it claims holds of that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
sys.path.insert(0, str(HOME / "benchmarks"))

import scale  # noqa: E402

PAGE = (HOME / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", scale.TABLES)
def test_a_table_is_that_of_the_stored_measurements(name: str) -> None:
    written = "\n".join(scale.TABLES[name]())
    assert len(written.splitlines()) > 2
    assert written in PAGE, "write it anew: python benchmarks/scale.py"


def test_a_large_model_stays_within_its_bound() -> None:
    """1.3 times two forward passes and one backward pass, and 1.3 times their memory, in one and the same run.

    With float32 weights: of bfloat16 ones the scores' own products are still float32.
    """
    stored = scale.stored("large_model")
    rows = [row for row in stored if row["parameters"] > 1.2e9 and row["dtype"] == "float32"]
    assert rows
    for row in rows:
        (default,) = (one for one in row["eap"] if one["micro_batch"] == row["default"])
        assert max(default["ratio"], default["memory_ratio"]) <= 1.3


def test_the_largest_graph_takes_seconds() -> None:
    largest = scale.stored("large_graphs")[-1]
    assert largest["edges"] > 10_000_000
    assert {"selection", "table", "storing a run", "reading a run", "page"} <= set(largest["seconds"])
    assert max(largest["seconds"].values()) < 60


def test_memory_is_flat_in_the_number_of_prompts() -> None:
    first, *_, last = scale.stored("many_prompts")
    assert (first["prompts"], last["prompts"]) == (1_000, 100_000)
    for peak in ("peak_mb", "parquet_mb"):
        assert last[peak] <= 1.15 * first[peak]


def test_no_cost_grows_faster_than_in_proportion_but_that_of_layers() -> None:
    """Edges grow with the square of layers and heads; what is spent on them does not."""
    for row in scale.stored("cost_curves"):
        assert row["exponent"] <= (1.6 if row["by"] == "layers" else 1.2), row
