"""Whether prompts are any good, as plain text: a line a check, or all in one."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.runs.data_checks import DataCheck


def show_checks(checks: Sequence[DataCheck]) -> str:
    """A line on all, then one a check: what was found, and the limit; where it is not kept, its source and the mend."""
    return "\n".join((show_in_one_line(checks), *map(_line, checks)))


def show_in_one_line(checks: Sequence[DataCheck]) -> str:
    """How many checks are good, and what is wrong with the others."""
    bad = [check for check in checks if not check.good]
    if not bad:
        return f"data: good by all {len(checks)} checks"
    told = "; ".join(f"{check.name} {check.value:.0%} ({_limit(check)})" for check in bad)
    return f"data: {len(checks) - len(bad)} of {len(checks)} checks good; look at {told}"


def _line(check: DataCheck) -> str:
    limit = _limit(check)
    mark, why = ("good", f" ({limit})") if check.good else ("look", f"; {limit}: {check.source}; {check.do}")
    return f"  {mark}  {check.name}: {check.found}{why}"


def _limit(check: DataCheck) -> str:
    return f"{check.limit:.0%} or {'more' if check.least else 'less'}"
