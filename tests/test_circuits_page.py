"""The page on circuits says what the stored measurements say, and its claims hold of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import circuits

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "circuits.md").read_text(encoding="utf-8")
ROWS = json.loads((HOME / "benchmarks" / "circuits.json").read_text())


def test_the_tables_are_those_of_the_stored_rows() -> None:
    written = [line for line in circuits.table(ROWS).splitlines() if line]
    assert len(written) > len(ROWS)
    assert [line for line in written if line not in PAGE.splitlines()] == []


def test_fading_falls_with_size_where_the_page_says_so() -> None:
    """On the real models, at 1 to 20 % of edges."""
    real = [row for row in ROWS if row["method"] == "fading:kl" and row["edges"] > 1000]
    assert len(real) >= 7
    for row in real:
        kl = [one["kl"] for one in row["points"]]
        assert kl == sorted(kl, reverse=True), row


def test_known_circuits_are_found_exactly() -> None:
    known = [row for row in ROWS if row["method"] == "fading:kl" and "known" in row]
    assert len(known) >= 6
    assert all(row["known"] == row["known_size"] for row in known)


def test_fading_is_no_worse_where_acdc_ends() -> None:
    ends = [row for row in ROWS if "fading" in row and row["model"] != "gemma-3-270m-q4_k_m"]
    assert len(ends) >= 6
    for row in ends:
        assert row["fading"][0]["size"] == row["points"][0]["size"]
        assert row["fading"][0]["kl"] <= row["points"][0]["kl"], row
