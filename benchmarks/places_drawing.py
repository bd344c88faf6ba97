"""How long pictures and the page of a run by place take to make.

    edgewise discover --model gemma-3-270m-q4_k_m.gguf --task ioi --positions spans --readers --method eap --top 100 \
        --n 8 --out runs/places
    python benchmarks/places_drawing.py runs/places --out benchmarks/places_drawing.json

Seconds of processor time in one process, one thread; of each the median over repeats, the least and the greatest, the
first repeat, which imports, left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from edgewise.report.files import picture_svg
from edgewise.report.page.page import page_of
from edgewise.report.picture.unrolled import MOST_EDGES
from edgewise.report.scenes import run_places, run_unrolled
from edgewise.runs.store.folder import load_run


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("run", type=Path)
    asked.add_argument("--repeats", type=int, default=5)
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    run = load_run(given.run)
    work: dict[str, Callable[[], str]] = {
        "over the prompt": lambda: picture_svg(run_unrolled(run)),
        "heat map": lambda: picture_svg(run_places(run)),
        "page": lambda: page_of([run]),
    }
    seconds: dict[str, list[float]] = {what: [] for what in work}
    sizes: dict[str, int] = {}
    for _ in range(given.repeats + 1):
        for what, make in work.items():
            begun = time.process_time()
            sizes[what] = len(make().encode())
            seconds[what].append(time.process_time() - begun)
    found = {
        "edges": run.circuit.graph.n_edges,
        "drawn": min(MOST_EDGES, run.circuit.n_edges),
        "made": {
            what: {"seconds": [round(value, 2) for value in spread(some[1:])], "bytes": sizes[what]}
            for what, some in seconds.items()
        },
    }
    print(json.dumps(found))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


def spread(seconds: list[float]) -> tuple[float, float, float]:
    """The median, the least and the greatest."""
    return statistics.median(seconds), min(seconds), max(seconds)


if __name__ == "__main__":
    main()
