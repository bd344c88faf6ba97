"""Which sizes to measure next: between the largest that fails and the smallest above it that passes.

Pure functions of what passed so far, so that a search that is resumed looks where it would have looked.
"""

from __future__ import annotations

from collections.abc import Mapping

# Sizes measured together: what is shared by all is run once for them, and the curve is the denser for it.
AT_ONCE = 3


def bracket(passed: Mapping[int, bool], total: int) -> tuple[int, int]:
    """The largest size known to fail below the smallest that passes, and the latter.

    Args:
        passed: of each size measured, whether it passes; no edge at all counts as failing.
        total: the largest size there is, which counts as passing until it is measured.
    """
    high = min((size for size, passes in passed.items() if passes and size > 0), default=total)
    low = max((size for size, passes in passed.items() if not passes and size < high), default=0)
    return low, high


def next_sizes(passed: Mapping[int, bool], total: int) -> tuple[int, ...]:
    """The sizes to measure next, rising; none when the smallest that passes stands right above one that fails.

    First nothing and everything, with sizes between; then sizes that divide what is left evenly on a logarithmic scale.
    """
    low, high = bracket(passed, total)
    ends = tuple(size for size in (0, total) if size not in passed)
    if not passed.get(total, True) and not any(passes for size, passes in passed.items() if size > 0):
        return ()
    return tuple(sorted({*ends, *_between(low, high)}))


def _between(low: int, high: int) -> tuple[int, ...]:
    inner = high - low - 1
    if inner <= AT_ONCE:
        return tuple(range(low + 1, high))
    first, ratio = max(low, 1), high / max(low, 1)
    steps = [round(first * ratio ** (step / (AT_ONCE + 1))) for step in range(1, AT_ONCE + 1)]
    return tuple(sorted({min(max(size, low + 1), high - 1) for size in steps}))
