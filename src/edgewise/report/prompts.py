"""Prompts as plain text: clean above corrupted, token under token, with a mark under each that differs.

A space is shown as a middle dot, the ends of lines and tabs as arrows: what stands between two tokens here is none of
the prompt's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.cells import cell_len

from edgewise.report.data_checks import show_in_one_line
from edgewise.runs.shown_prompts import RowAnswer, SetAnswer, ShownPrompts, ShownRow, Tokens
from edgewise.runs.store.codec import to_json
from edgewise.tasks import PromptSet
from edgewise.tasks.problems import rows_named

WIDTH = 120
_NAMES = ("clean", "corrupted", "")
_MOST_ANSWERS = 8
_SIGNS = str.maketrans({" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍", "\v": "␋", "\f": "␌", "\0": "␀", "\x1b": "␛"})


def visible(text: str) -> str:
    """A token's text with its spaces and ends of lines to be seen; an empty one as such."""
    return text.translate(_SIGNS) or "∅"


def prompts_document(model: str, prompts: PromptSet, shown: ShownPrompts) -> dict[str, Any]:
    """Prompts as JSON values, with what a run's record says of them."""
    from edgewise.runs.setup import describe_prompts  # here, for pages are drawn without a model's libraries

    return {"model": model, "prompts": to_json(describe_prompts(prompts, shown)), "warnings": list(prompts.warnings)}


def show_what(model: str, prompts: PromptSet) -> str:
    """One line on whose prompts they are."""
    dropped = f" ({_count(prompts.dropped, 'row')} dropped)" if prompts.dropped else ""
    bos = "BOS in front" if prompts.bos else "no BOS in front"
    form = f"; answers: {prompts.info['form']}" if "form" in prompts.info else ""
    return f"{model} on {prompts.name}: {_count(len(prompts), 'prompt')}{dropped}, {bos}{form}"


def show_prompts(shown: ShownPrompts, width: int = WIDTH) -> str:
    """Return the prompts that are shown, and the numbers of all.

    Args:
        shown: the prompts.
        width: columns of the page.
    """
    rows = (f"{show_row(row, width)}\n" for row in shown.rows)
    return "\n".join((*rows, *describe(shown)))


def show_briefly(shown: ShownPrompts, width: int = WIDTH) -> str:
    """Return the first prompt, the numbers of all, and whether they are any good: for the head of what a run found."""
    checks = (show_in_one_line(shown.checks),) if shown.checks else ()
    return "\n".join((show_prompts(replace(shown, rows=shown.rows[:1]), width), *checks))


def show_row(row: ShownRow, width: int = WIDTH) -> str:
    """Return one prompt: its answers, then its tokens in lines of that width."""
    said = [] if row.answer is None else [f"  model      {_said(row.answer)}"]
    lines = [_head(row), *said]
    columns = list(zip(map(visible, row.clean.texts), map(visible, row.corrupted.texts), strict=True))
    label = max(map(len, _NAMES)) + 4
    for start, stop in _lines([max(map(cell_len, column)) for column in columns], width - label):
        lines += _block(columns, range(start, stop), set(row.differs))
    return "\n".join(lines)


def describe(shown: ShownPrompts) -> Iterator[str]:
    """The numbers of all prompts, a line each."""
    all_of_them = f"in all, {_count(shown.n, 'prompt')} of {_span(shown.shortest, shown.longest, 'token')}"
    if not shown.differs:
        yield f"{all_of_them}; clean and corrupted are the same"
    else:
        differing = _span(shown.least_differing, shown.most_differing, "token")
        yield f"{all_of_them}; clean and corrupted differ in {differing}, at {_positions(shown.differs)}"
    if shown.against is not None:
        yield _describe_against(shown.n, shown.against)
    if shown.answer is not None:
        yield from _describe_answer(shown.n, shown.answer)


def answers(tokens: Tokens) -> str:
    """Tokens of answers, the first few, quoted by nothing but their visible spaces."""
    few = " ".join(map(visible, tokens.texts[:_MOST_ANSWERS]))
    more = len(tokens.texts) - _MOST_ANSWERS
    return f"{few} and {more} more" if more > 0 else few


def _head(row: ShownRow) -> str:
    parts = [f"row {row.row}: right {answers(row.answers) or '-'}"]
    if row.wrong_answers.ids:
        parts.append(f"wrong {answers(row.wrong_answers)}")
    if row.positions != (len(row.clean.ids) - 1,):
        parts.append(f"read at {_positions(row.positions)}")
    return "; ".join(parts)


def _said(answer: RowAnswer) -> str:
    likeliest = f"likeliest {answers(answer.likeliest)}"
    if answer.right is None or answer.clean is None or answer.corrupted is None:
        return likeliest
    prefers = "right" if answer.right else "WRONG"
    return (
        f"prefers the {prefers} answer; {likeliest}; logit difference {answer.clean:.2f} clean,"
        f" {answer.corrupted:.2f} corrupted"
    )


def _describe_answer(n: int, found: SetAnswer) -> Iterator[str]:
    if found.compared and found.clean is not None and found.corrupted is not None:
        right, top = found.right / found.compared, found.top / n
        yield (
            f"the model prefers the right answer in {found.right:,} of {found.compared:,} ({right:.0%});"
            f" it is the likeliest token of all in {found.top:,} ({top:.0%})"
        )
        yield f"mean logit difference: {found.clean:.3f} clean, {found.corrupted:.3f} corrupted"
    else:
        yield f"a right answer is the likeliest token of all in {found.top:,} of {n:,} ({found.top / n:.0%})"
    if found.wrong_rows:
        yield f"{rows_named(found.wrong_rows)}: the model prefers a wrong answer"


def _describe_against(n: int, rows: tuple[int, ...]) -> str:
    said = f"the metric is above zero, for the right answers, on {n - len(rows):,} of {n:,} clean prompts"
    return f"{said}; not in {rows_named(rows)}" if rows else said


def _block(columns: Sequence[tuple[str, str]], places: Iterable[int], differs: set[int]) -> Iterator[str]:
    """Lines of clean, corrupted and marks for some of the tokens."""
    texts: list[list[str]] = [[], [], []]
    for place in places:
        clean, corrupted = columns[place]
        size = max(cell_len(clean), cell_len(corrupted))
        mark = "^" * size if place in differs else ""
        for line, text in zip(texts, (clean, corrupted, mark), strict=True):
            line.append(text + " " * (size - cell_len(text)))
    label = max(map(len, _NAMES))
    for name, line in zip(_NAMES, texts, strict=True):
        text = f"  {name:<{label}}  {' '.join(line)}".rstrip()
        if text:
            yield text


def _lines(sizes: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """From where to where each line goes; a token wider than a line has one of its own."""
    start, used = 0, 0
    for place, size in enumerate(sizes):
        if place > start and used + size > width:
            yield start, place
            start, used = place, 0
        used += size + 1
    yield start, len(sizes)


def _positions(places: Sequence[int]) -> str:
    """Runs of positions, such as ``position 3`` or ``positions 1 to 4, 9``."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    said = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"position{'' if len(places) == 1 else 's'} {', '.join(said)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _span(least: int, most: int, what: str) -> str:
    return _count(most, what) if least == most else f"{least:,} to {_count(most, what)}"
