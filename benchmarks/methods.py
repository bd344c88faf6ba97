"""What every attribution method costs by EAP's, in one process, alternating.

python benchmarks/methods.py                              # GPT-2 small's shape
python benchmarks/methods.py --case llama-gqa --repeats 5 --methods secant eap-secant
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from cases import CASES, prompts

from edgewise import load_model, score_edges
from edgewise.attribution import METHODS
from edgewise.settings.conditions import Conditions

# By far the dearest: (2 layers + 1) steps gradients, and two runs of attention for every source and layer.
LEFT_OUT = ("eap", "eap-ig-activations", "atp-star")


def main() -> None:
    """Print one JSON line a method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, default="batch8")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=[name for name in METHODS if name not in LEFT_OUT])
    parser.add_argument("--cpu-time", action="store_true", help="for a machine that others use: CPU seconds of threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    case = CASES[options.case]
    torch.manual_seed(0)
    module = case.build().eval()
    model = load_model(module)
    pairs = prompts(case, model.vocab_size)
    clock: Callable[[], float] = time.process_time if options.cpu_time else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ("eap", *options.methods)}
    for repeat in range(options.repeats + 1):
        for name, taken in seconds.items():
            start = clock()
            score_edges(
                model, pairs, method=name, metric="logit-diff", conditions=Conditions(batch_size=case.batch_size)
            )
            taken += [clock() - start] if repeat else []  # the first warms up
    base = seconds["eap"]
    for name, taken in seconds.items():
        ratio = statistics.median(mine / eap for mine, eap in zip(taken, base, strict=True))
        row = {"case": options.case, "method": name, "ratio": round(ratio, 3), "s": round(statistics.median(taken), 3)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
