"""What keeping scores apart by place costs: EAP with 10 spans against plain EAP, and with readers too.

    python benchmarks/places_time.py --out benchmarks/places_time.json

Cases are those of `eap.py`, half as many prompts; seconds of processor time in one process, one thread, alternating.
`ratio` is the median over repeats of the seconds by those of the plain scores beside them; so is `ratio_readers`, which
`--readers` measures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from cases import CASES, prompts

from edgewise import load_model, score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet
from edgewise.tasks.places import by_place
from edgewise.tasks.prompts import Span

SPANS = 10


def spanned(prompts: PromptSet) -> PromptSet:
    """The same prompts, their tokens divided into ten spans of like length."""
    ends = [round(at * len(prompts[0]) / SPANS) for at in range(SPANS + 1)]
    spans = tuple(Span(f"s{at}", *ends[at : at + 2]) for at in range(SPANS))
    return replace(prompts, pairs=tuple(replace(pair, spans=spans) for pair in prompts))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--case", nargs="*", default=["batch8", "llama-gqa", "gemma2"])
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--readers", action="store_true")
    asked.add_argument("--out")
    given = asked.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for name in given.case:
        case = CASES[name]
        model = load_model(case.build().eval())
        plain = PromptSet(name, tuple(prompts(case, model.vocab_size))[: case.pairs // 2])
        variants = [
            plain,
            *(by_place(spanned(plain), "spans", readers) for readers in (False, True)[: 1 + given.readers]),
        ]
        conditions, seconds = Conditions(batch_size=min(case.batch_size, 8)), []
        for _ in range(given.repeats + 1):
            one = []
            for some in variants:
                begun = time.process_time()
                score_edges(model, some, method="eap", conditions=conditions)
                one.append(time.process_time() - begun)
            seconds.append(one)
        kept = seconds[1:]
        ratios = [round(statistics.median(one[at] / one[0] for one in kept), 2) for at in range(1, len(variants))]
        seconds_of_plain = round(statistics.median(one[0] for one in kept), 2)
        rows[name] = {"seconds": seconds_of_plain} | dict(zip(("ratio", "ratio_readers"), ratios, strict=False))
        print(name, json.dumps(rows[name]), flush=True)
    if given.out:
        Path(given.out).write_text(json.dumps({"spans": SPANS, "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
