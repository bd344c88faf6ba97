"""What keeping scores apart by place costs: EAP with 10 spans against plain EAP, and with readers too.

    python benchmarks/places_time.py --out benchmarks/places_time.json

Cases are those of `eap.py`, half as many prompts; seconds of processor time in one process, one thread, alternating.
`places` and, with `--readers`, `readers` have the median over repeats of the seconds by those of the plain scores
beside them, and the least and the greatest; `again`, the same of plain scores made once more, says how far that is
chance.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cases import CASES, prompts

from edgewise import load_model, score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet
from edgewise.tasks.places import by_place
from edgewise.tasks.prompts import Span

SPANS = 10
SHAPES = {"batch8": "GPT-2 small's", "llama-gqa": "eight Llama blocks", "gemma2": "eight Gemma 2 blocks"}


def spanned(prompts: PromptSet) -> PromptSet:
    """The same prompts, their tokens divided into ten spans of like length."""
    ends = [round(at * len(prompts[0]) / SPANS) for at in range(SPANS + 1)]
    spans = tuple(Span(f"s{at}", *ends[at : at + 2]) for at in range(SPANS))
    return replace(prompts, pairs=tuple(replace(pair, spans=spans) for pair in prompts))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--case", nargs="*", default=list(SHAPES))
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--readers", action="store_true")
    asked.add_argument("--out")
    given = asked.parse_args()
    torch.set_num_threads(1)
    kept = Path(given.out) if given.out else None
    rows = json.loads(kept.read_text())["cases"] if kept and kept.exists() else {}
    for name in given.case:
        case = CASES[name]
        model = load_model(case.build().eval())
        plain = PromptSet(name, tuple(prompts(case, model.vocab_size))[: case.pairs // 2])
        variants = {"plain": plain, "again": plain, "places": by_place(spanned(plain), "spans")}
        if given.readers:
            variants["readers"] = by_place(spanned(plain), "spans", True)
        conditions, seconds = Conditions(batch_size=min(case.batch_size, 8)), []
        for _ in range(given.repeats + 1):
            one = {}
            for what, some in variants.items():
                begun = time.process_time()
                score_edges(model, some, method="eap", conditions=conditions)
                one[what] = time.process_time() - begun
            seconds.append(one)
        rows[name] = summary(seconds[1:])
        print(name, json.dumps(rows[name]), flush=True)
        if kept:
            kept.write_text(json.dumps({"spans": SPANS, "cases": rows}, indent=1) + "\n")


def table(found: dict[str, Any]) -> str:
    """The table of docs/positions.md."""
    lines = ["| model's shape | by place | by reader too | EAP once more |", "| --- | ---: | ---: | ---: |"]
    for name in SHAPES:
        row = found["cases"][name]
        cells = [SHAPES[name], *(_spread(row[what]) for what in ("places", "readers", "again"))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(ratios: list[float]) -> str:
    middle, least, most = (f"{ratio:.2f}" for ratio in ratios)
    return f"{middle} ({least} to {most})"


def summary(seconds: list[dict[str, float]]) -> dict[str, Any]:
    """Seconds of plain scores, and of each other variant the times of them: the median, the least, the greatest."""
    found: dict[str, Any] = {"seconds": round(statistics.median(one["plain"] for one in seconds), 2)}
    for what in list(seconds[0])[1:]:
        ratios = sorted(one[what] / one["plain"] for one in seconds)
        found[what] = [round(value, 2) for value in (statistics.median(ratios), ratios[0], ratios[-1])]
    return found | {"repeats": len(seconds)}


if __name__ == "__main__":
    main()
