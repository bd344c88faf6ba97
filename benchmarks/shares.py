"""Where the time of edge attribution patching goes, operation by operation, beside the bound's.

The torch profiler's own seconds of each operation, on one thread: the least of some repeats, the two sides alternating.
What it adds to small operations makes the whole look slower than `eap.py` says.

    python benchmarks/shares.py --case batch8
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import torch
from eap import EVERY, sides
from torch.profiler import ProfilerActivity, profile

# Operations that take less than this share of the bound on both sides are summed up.
LEAST = 0.005
Seconds = dict[str, float]


def operations(name: str, repeats: int) -> dict[str, Seconds]:
    """Seconds of each operation, for either side."""
    both = sides(EVERY[name])
    found: dict[str, dict[str, list[float]]] = {side: defaultdict(list) for side in both}
    for turn in range(repeats + 1):
        for side, work in both.items():
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                work()
            for row in seen.key_averages() if turn else ():
                found[side][row.key].append(row.self_cpu_time_total / 1e6)
    return {side: {key: min(values) for key, values in rows.items()} for side, rows in found.items()}


def table(found: dict[str, Seconds]) -> list[tuple[str, float, float]]:
    """Operations with their shares of the bound's time on both sides, the dearest of ours first."""
    ours, least = found["ours"], found["bound"]
    whole = sum(least.values())
    rows = [(key, least.get(key, 0) / whole, ours.get(key, 0) / whole) for key in {**ours, **least}]
    shown = sorted((row for row in rows if max(row[1:]) >= LEAST), key=lambda row: -row[2])
    rest = [row for row in rows if max(row[1:]) < LEAST]
    others = ("all others", sum(row[1] for row in rest), sum(row[2] for row in rest))
    return [*shown, others, ("together", 1.0, sum(ours.values()) / whole)]


def main() -> None:
    """Print the table of the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=EVERY, action="append")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.case or ("batch8",):
        print(f"\n{name:52} {'bound':>7} {'ours':>7}")
        for key, least, ours in table(operations(name, options.repeats)):
            print(f"{key[:52]:52} {100 * least:6.1f}% {100 * ours:6.1f}%")


if __name__ == "__main__":
    main()
