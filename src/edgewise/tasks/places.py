"""Where in the prompt: places at which scores and patches are kept apart.

Every token of every prompt has one place, so that what is kept apart adds up to what is not:

- ``spans``: named spans of each prompt, the same names in all of them; what lies in none is ``rest``.
- ``all``: each position is a place, which needs prompts of one length: the first and the last are each other's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from edgewise.errors import DataError, did_you_mean
from edgewise.settings.scoring import Positions
from edgewise.tasks.problems import Problem, refusal, rows_named
from edgewise.tasks.prompts import Located, PromptPair, PromptSet, Span
from edgewise.tasks.text_spans import bounds_problem

REST = "rest"
"""The place of tokens that lie in no span."""
END = "END"
"""The span of a task's last token, where the answer is read."""
HOW = (
    'give every row of a data file a field spans, such as {"subject": [4, 8], "verb": [9, 12]}, from the first'
    " character of clean to behind the last (tokens where prompts are ids); or take a task that has spans, such as ioi"
)
_SAME = "give every row the same spans, [0, 0] for one that it does not have"
# More positions than these are no table that anybody reads, and no array that memory holds for large models.
MOST_PLACES = 256


def by_place(prompts: PromptSet, positions: Positions, readers: bool = False) -> PromptSet:
    """The same prompts, each token with its place.

    Args:
        prompts: of a task or a file.
        positions: ``"spans"`` or ``"all"``.
        readers: keep keys and values apart by the place of the query that reads them too.

    Raises:
        DataError: no spans, or spans that lie outside the prompt, overlap or are missing in a row; prompts of several
            lengths for ``"all"``. It names the rows and says what to give instead.
    """
    located = _all(prompts) if positions == "all" else _spans(prompts)
    pairs = zip(prompts.pairs, located, strict=True)
    return replace(
        prompts, pairs=tuple(replace(pair, located=replace(where, readers=readers)) for pair, where in pairs)
    )


def kind_of(places: Sequence[str]) -> Positions:
    """What was asked for, by the names of the places: those of all positions are numbers."""
    return "all" if list(places) == [str(at) for at in range(len(places))] else "spans"


def places_of(pairs: Sequence[PromptPair]) -> tuple[str, ...]:
    """The names of the places of some prompts; none where their tokens have none."""
    first = next(iter(pairs), None)
    return () if first is None or first.located is None else first.located.names


def with_end(spans: Sequence[Span], length: int) -> tuple[Span, ...]:
    """Spans, and the last token of a prompt of so many as ``END``; empty where it lies in another span."""
    taken = any(span.start < length <= span.stop for span in spans)
    return (*spans, Span(END, 0, 0) if taken else Span(END, length - 1, length))


def span_problem(spans: Sequence[Span], length: int) -> str | None:
    """What is wrong with the spans of a prompt of so many tokens, from the field to the fix; None if nothing is."""
    for span in spans:
        problem = bounds_problem(span.name, (span.start, span.stop), length, "prompt", "tokens")
        if problem is not None:
            return problem
    ordered = sorted((span for span in spans if span.start < span.stop), key=lambda span: (span.start, span.stop))
    for one, other in pairwise(ordered):
        if other.start < one.stop:
            return (
                f"spans: '{one.name}' [{one.start}, {one.stop}] and '{other.name}' [{other.start}, {other.stop}]"
                " overlap; give each token to one span"
            )
    return None


def _all(prompts: PromptSet) -> list[Located]:
    lengths = sorted({len(pair) for pair in prompts})
    instead = "use --positions spans" + ("" if any(pair.spans for pair in prompts) else f": {HOW}")
    if len(lengths) > 1:
        number, other = 1, next(at for at, pair in enumerate(prompts, start=1) if len(pair) != len(prompts[0]))
        rows = rows_named([prompts[0].row or number, prompts[other - 1].row or other])
        raise DataError(
            f"{prompts.name}: --positions all needs prompts of one length, and these have {lengths[0]} to {lengths[-1]}"
            f" tokens ({rows} differ); {instead}"
        )
    if lengths[0] > MOST_PLACES:
        raise DataError(
            f"{prompts.name}: --positions all of prompts of {lengths[0]} tokens, and {MOST_PLACES} places are the most;"
            f" {instead}"
        )
    places = tuple(range(lengths[0]))
    return [Located(tuple(map(str, places)), places)] * len(prompts)


def _spans(prompts: PromptSet) -> list[Located]:
    if all(span.start == span.stop for pair in prompts for span in pair.spans):
        raise DataError(f"{prompts.name}: no prompt has spans; {HOW}")
    names = _common(prompts)
    problems = [
        Problem(pair.row or number, wrong)
        for number, pair in enumerate(prompts, start=1)
        if (wrong := _problem(pair, names)) is not None
    ]
    if problems:
        raise refusal(prompts.name, problems, len(prompts))
    rest = any(sum(span.stop - span.start for span in pair.spans) < len(pair) for pair in prompts)
    if rest and REST in names:
        raise DataError(f"{prompts.name}: a span is named '{REST}', as the tokens are that lie in none; rename it")
    return [_located(pair, (*names, REST) if rest else names) for pair in prompts]


def _common(prompts: PromptSet) -> tuple[str, ...]:
    """The names that most rows have, and of those that half of them have the first row's."""
    rows = Counter(name for pair in prompts for name in {span.name for span in pair.spans})
    first = {span.name for span in prompts[0].spans}
    order = dict.fromkeys(span.name for pair in prompts for span in pair.spans)
    return tuple(name for name in order if 2 * rows[name] > len(prompts) - (name in first))


def _problem(pair: PromptPair, names: tuple[str, ...]) -> str | None:
    own = [span.name for span in pair.spans]
    other = next((name for name in own if name not in names), None)
    if other is not None:
        near = did_you_mean(other, names) or ";"
        return f"spans: '{other}' is here and not in most rows{near} {_SAME}"
    missing = [name for name in names if name not in own]
    if missing:
        return f"spans: '{missing[0]}' is missing, which other rows have; {_SAME}"
    twice = next((name for at, name in enumerate(own) if name in own[:at]), None)
    if twice is not None:
        return f"spans: '{twice}' is named twice; name each once"
    return span_problem(pair.spans, len(pair))


def _located(pair: PromptPair, names: tuple[str, ...]) -> Located:
    at = [len(names) - 1] * len(pair)
    for span in pair.spans:
        at[span.start : span.stop] = [names.index(span.name)] * (span.stop - span.start)
    return Located(names, tuple(at))
