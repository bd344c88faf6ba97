"""Where the time of edge attribution patching goes, part by part, beside the same parts of the bound.

Each part is timed where it happens in an ordinary pass; what a part calls of another part is counted there.

    python benchmarks/shares.py --case batch8
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from eap import CASES, bound, prepare

from edgewise.attribution import loop
from edgewise.attribution.moments import Moments
from edgewise.engine.gradients import eap as attribute
from edgewise.engine.gradients import run as gradients
from edgewise.engine.gradients.run import DifferentiableRun


class Clock:
    """Adds up seconds by part; the time of an inner part is not counted for the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.inner: list[float] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, on the clock."""

        def call(*args: Any, **kwargs: Any) -> Any:
            began = self._begin()
            try:
                return function(*args, **kwargs)
            finally:
                self._end(part, began)

        return call

    def timed_steps(self, part: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same generator, with the time between its values left out."""

        def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
            steps = function(*args, **kwargs)
            while True:
                began = self._begin()
                try:
                    value = next(steps)
                except StopIteration:
                    return
                finally:
                    self._end(part, began)
                yield value

        return call

    def _begin(self) -> float:
        self.inner.append(0.0)
        return time.perf_counter()

    def _end(self, part: str, began: float) -> None:
        spent = time.perf_counter() - began
        self.seconds[part] += spent - self.inner.pop()
        if self.inner:
            self.inner[-1] += spent


def measure(name: str, repeats: int) -> tuple[dict[str, float], float]:
    """Median seconds of every part of our pass, and of the bound."""
    case = CASES[name]
    module, pairs, ours = prepare(case)
    parts: dict[str, list[float]] = defaultdict(list)
    least: list[float] = []
    for turn in range(repeats + 1):
        began = time.perf_counter()
        bound(module, case, pairs)
        least += [time.perf_counter() - began] if turn else []
        clock = Clock()
        with ExitStack() as stack:
            for owner, attribute_name, part, wrap in (
                (attribute, "corrupted_run", "corrupted forward pass", clock.timed),
                (DifferentiableRun, "forward", "clean forward pass", clock.timed),
                (DifferentiableRun, "backward", "backward pass, heads apart", clock.timed),
                (attribute, "source_changes", "changes of all sources", clock.timed),
                (gradients, "head_gradients", "gradients of all heads", clock.timed_steps),
                (attribute, "edge_products", "products", clock.timed),
                (Moments, "add", "mean and variance", clock.timed),
                (loop, "_step", "the rest", clock.timed),
            ):
                stack.enter_context(patch.object(owner, attribute_name, wrap(part, getattr(owner, attribute_name))))
            ours()
        for part, seconds in clock.seconds.items() if turn else ():
            parts[part].append(seconds)
    return {part: statistics.median(seconds) for part, seconds in parts.items()}, statistics.median(least)


def main() -> None:
    """Print the table of the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.case or ("batch8",):
        parts, least = measure(name, options.repeats)
        print(f"\n{name}: the bound takes {least:.3f} s, we take {sum(parts.values()):.3f} s")
        for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
            print(f"{part:28} {seconds:8.4f} s {100 * seconds / least:6.1f} % of the bound")


if __name__ == "__main__":
    main()
