"""docs/league.md says what the stored results say, and the script that writes it does its sums right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import league_page  # noqa: E402


def row(model: str, task: str, method: str, pearson: float, time: float, cmd: float | None = None) -> dict[str, Any]:
    same = dict.fromkeys(("spearman_of_sizes", "sign_agreement_of_top", "recall"), 0.5)
    return {"model": model, "task": task, "method": method, "pearson": pearson, "time": time, "cmd": cmd, **same}


GEMMA, SMOLLM2 = "gemma-3-270m-q4_k_m.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf"
ROWS = [
    row(GEMMA, "ioi", "eap", 0.1, 1.0, 0.2),
    row(GEMMA, "induction", "eap", 0.2, 1.0, 0.1),
    row(SMOLLM2, "ioi", "eap", 0.6, 1.2, 0.3),
    row(GEMMA, "induction", "slow", 0.9, 3.0, 0.4),
    row(SMOLLM2, "ioi", "slow", 0.7, 5.0, 0.4),
]


def test_the_page_says_what_the_results_say() -> None:
    page = league_page.PAGE.read_text(encoding="utf-8")
    assert league_page.filled(page, league_page.rows_of(league_page.RESULTS)) == page, "run scripts/league_page.py"


def test_pairs_that_settings_were_settled_on_stand_apart() -> None:
    text = league_page.together(ROWS)
    settled, reported = text.split("Reported on: ")
    assert settled.startswith("Settled on: gemma3-ioi.")
    assert reported.startswith("gemma3-induction, smollm2-ioi.")
    (line,) = [line.split() for line in reported.splitlines() if line.startswith("eap")]
    assert line[:5] == ["eap", "1.2", "x", "0.400", "0.200"]  # the mean and the worst of .2 and .6
    assert line[-2:] == ["0.200", "0.300"]  # CMD: the worst is the largest


def test_advice_is_what_is_better_than_all_that_costs_less() -> None:
    text = league_page.advice([one for one in ROWS if one["task"] != "ioi" or one["model"] != GEMMA])
    effects, circuits = text.split("For circuits")
    assert [line.split()[2] for line in effects.splitlines() if " x " in line] == ["eap", "slow"]
    assert [line.split()[2] for line in circuits.splitlines() if " x " in line] == ["eap"]


def test_a_pair_without_a_method_is_a_dash() -> None:
    lines = [line.split() for line in league_page.each(ROWS).splitlines()]
    assert ["method", "gemma3-ioi", "gemma3-induction", "smollm2-ioi"] in lines
    assert ["slow", "-", ".900", ".500", ".700", ".500"] in lines


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(SystemExit, match="has 0 parts '<!-- advice -->'"):
        league_page.filled("# no marks\n", ROWS)
