"""Graphs of large models with random scores: seconds and memory of everything that is done with scores and circuits.

No model is run. Each shape is a fresh process of one thread; seconds are the processor's, ``peak_mb`` is the process's
peak, with 250 MB of libraries in it.

    python benchmarks/large_graphs.py                       # all shapes, and large_graphs.json anew
    python benchmarks/large_graphs.py --shape llama-8b      # one, printed
    python benchmarks/large_graphs.py --shape llama-8b --profile page
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgewise import Circuit, EdgeScores, Graph, GraphSpec, load_run, prune, show, top_n
from edgewise.errors import FormatError
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.comparison import likeness
from edgewise.report.page.page import page
from edgewise.report.text import show_run
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import Exchanged
from edgewise.runs.exchange.leaving import export
from edgewise.runs.store.folder import write_run

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_suffix(".json")
# Layers, heads, width, key/value heads.
SHAPES = {
    "smollm2-135m": GraphSpec(30, 9, 576, n_kv_heads=3),
    "llama-8b": GraphSpec(32, 32, 4096, n_kv_heads=8),
    "qwen3-14b": GraphSpec(40, 40, 5120, n_kv_heads=8),
    "qwen2.5-32b": GraphSpec(64, 40, 5120, n_kv_heads=8),
    "llama-70b": GraphSpec(80, 64, 8192, n_kv_heads=8),
}
TOP = 1000
# Formats of text have a line an edge, and MIB's circuits ten files of them: left out where there are more edges.
MOST_AS_TEXT, MOST_OF_TEN = 2_500_000, 1_000_000
AS_TENSORS = ("eap-ig-pt", "auto-circuit")


def steps(spec: GraphSpec, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is done, one step after the other."""
    sys.path.append(str(ROOT / "tests"))
    from report.conftest import SPECS, make_run

    graph = Graph(spec)
    yield "graph", lambda: Graph(spec)
    draw = np.random.default_rng(0)
    values, other = (draw.normal(size=graph.mask.shape) ** 3 for _ in range(2))
    yield "scores", lambda: EdgeScores(graph, values, stderr=np.abs(values) / 5)
    scores, others = EdgeScores(graph, values, stderr=np.abs(values) / 5), EdgeScores(graph, other)
    yield "selection", lambda: top_n(scores, TOP)
    yield "selection of a tenth, pruned", lambda: prune(top_n(scores, graph.n_edges // 10))
    circuit: Circuit = top_n(scores, TOP)
    yield "best 1,000", lambda: repr(scores.top(TOP))
    yield "table", lambda: show(circuit, scores, top=TOP)
    yield "likeness of two runs", lambda: likeness([circuit, top_n(others, TOP)], [scores, others])
    yield "agreement", lambda: agreement(scores, others, k=TOP)
    scores = others = values = other = None  # a run has its own
    SPECS["large"] = spec
    run = make_run("large", top=TOP, folder=folder / "run")
    run.folder.mkdir()
    yield "storing a run", lambda: write_run(run.folder, run.record, run.scores, run.circuit)
    yield "reading a run", lambda: load_run(run.folder)
    yield "what discover prints", lambda: show_run(run)
    yield "page", lambda: page(run)
    for name in FORMATS:
        most = MOST_OF_TEN if name == "mib-circuits" else MOST_AS_TEXT
        # These two are of models of their own.
        if name in ("mib", "acdc") or (graph.n_edges > most and name not in AS_TENSORS):
            continue
        suffix = FORMATS.load(name).suffix or ""
        yield (
            f"export {name}",
            lambda name=name, suffix=suffix: export(run.folder, name, folder / f"out-{name}{suffix}"),
        )
        if FORMATS.load(name).read is not None:
            yield f"import {name}", partial(taken_in, name, folder / f"out-{name}{suffix}", graph)


def taken_in(name: str, file: Path, graph: Graph) -> Exchanged:
    """What a file of a format says."""
    read = FORMATS.load(name).read
    assert read is not None
    return read(file.read_bytes(), graph)


def measured(shape: str, profiled: str | None, without: Sequence[str]) -> dict[str, Any]:
    """Seconds of each step, of one shape."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, work in steps(SHAPES[shape], Path(folder)):
            if name in without:
                continue
            profile = cProfile.Profile() if name == profiled else None
            began = time.process_time()
            try:
                _ = work() if profile is None else profile.runcall(work)
            except FormatError:  # a format that is only read
                continue
            seconds[name] = round(time.process_time() - began, 3)
            sys.stderr.write(f"{shape}: {name}: {seconds[name]}\n")
            if profile is not None:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(25)
    peak = int(Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) // 1024
    return {"shape": shape, "edges": Graph(SHAPES[shape]).n_edges, "peak_mb": peak, "seconds": seconds}


def main() -> None:
    """Measure every shape in a process of its own, or one here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--profile", help="a step, whose profile is printed too")
    parser.add_argument("--without", action="append", default=[], help="a step that is left out")
    options = parser.parse_args()
    if options.shape:
        print(json.dumps(measured(options.shape, options.profile, options.without)))
        return
    rows = []
    for shape in SHAPES:
        command = [sys.executable, __file__, "--shape", shape]
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
