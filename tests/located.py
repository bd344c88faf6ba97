"""Prompts whose tokens have places, for tests of what is kept apart by place."""

from __future__ import annotations

from dataclasses import replace

from edgewise.tasks.places import by_place
from edgewise.tasks.prompts import PromptSet, Span
from tiny import prompts


def located(n: int = 5, *, seed: int = 1, readers: bool = False) -> PromptSet:
    """Prompts of mixed lengths with three places: the first two tokens, most of what follows, and the rest."""
    plain = prompts(n, seed=seed, min_length=4)
    pairs = tuple(replace(pair, spans=(Span("first", 0, 2), Span("then", 2, len(pair) - 1))) for pair in plain)
    return by_place(replace(plain, pairs=pairs), "spans", readers)
