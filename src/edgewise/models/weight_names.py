"""Names of weights: what was put into them on the way, and who puts it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

LISTED = 3

# A part of names -> who puts it there, and what to save instead.
WRAPPERS = {
    "module": "torch's DataParallel puts it there; save model.module",
    "_orig_mod": "torch.compile puts it there; save model._orig_mod, or the model that was not compiled",
    "_fsdp_wrapped_module": "FSDP puts it there; save the full state dict of the model that was wrapped",
    "_checkpoint_wrapped_module": "activation checkpointing puts it there; save the model that was not wrapped",
    "_forward_module": "a training framework puts it there; save the model that was wrapped",
    "base_layer": "peft puts it around what an adapter trains; call merge_and_unload() and save that",
    "base_model.model": "peft puts it there; call merge_and_unload() and save that",
}


def listed(names: Collection[str], limit: int = LISTED) -> str:
    """The first few names and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(repr(name) for name in sorted(names, key=_natural)[:limit]) + more


def inserted(found: Iterable[str], wanted: Collection[str]) -> str | None:
    """What stands in the names of a file and not in those that are wanted: in most of those that are wanted, or None.

    Args:
        found: names of the file.
        wanted: names that the file lacks.

    Returns:
        One or more parts of a name, joined by dots.
    """
    wanted = frozenset(wanted)
    seen: Counter[str] = Counter()
    for name in found:
        seen.update(set(_removable(name, wanted)))
    if not seen:
        return None
    extra, count = max(seen.items(), key=lambda row: (row[1], -len(row[0])))
    return extra if 2 * count >= len(wanted) else None


def prefix_cause(found: Collection[str], wanted: Collection[str]) -> str | None:
    """What is in the names of a file that the model's lack, who puts it there, and what to do; None where nothing is.

    Args:
        found: names of the file.
        wanted: names that the file lacks.
    """
    extra = inserted(found, wanted)
    if extra is None:
        return None
    parts = extra.split(".")
    known = next((why for mark, why in WRAPPERS.items() if _holds(parts, mark.split("."))), None)
    every = all(name.startswith(f"{extra}.") for name in found)
    place = f"every name in the file begins with {extra + '.'!r}" if every else f"names in the file hold {extra!r}"
    return f"{place}: {known}" if known else f"{place}, and this model's do not; rename them"


def _removable(name: str, wanted: frozenset[str]) -> Iterable[str]:
    """The runs of parts without which a name is wanted, each taken out wherever it stands."""
    parts = name.split(".")
    for size in range(1, min(3, len(parts) - 1) + 1):
        for start in range(len(parts) - size + 1):
            run = parts[start : start + size]
            if ".".join(_without(parts, run)) in wanted:
                yield ".".join(run)


def _without(parts: list[str], run: list[str]) -> list[str]:
    left: list[str] = []
    place = 0
    while place < len(parts):
        if parts[place : place + len(run)] == run:
            place += len(run)
        else:
            left.append(parts[place])
            place += 1
    return left


def _holds(parts: list[str], run: list[str]) -> bool:
    return any(parts[start : start + len(run)] == run for start in range(len(parts)))


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """An order in which layer 2 comes before layer 10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split("."))
