"""The demo model's card: what it is, how it was trained, and what was measured on the weights beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MEASURED = {
    "ioi": "top-1 accuracy",
    "greater-than": "probability of the later years",
    "docstring": "top-1 accuracy",
    "induction": "top-1 accuracy",
}

_HELD_OUT = """\
- `ioi`: the two names;
- `greater-than`: the noun and the year;
- `docstring`: every two of the three matching arguments (no two of the names that a training prompt shows are
  a held-out pair);
- `induction`: the last word and its answer (no two words of a training prompt are a held-out pair; places,
  objects and words of descriptions may have met in prompts of the other tasks)."""


@dataclass(frozen=True)
class Measurement:
    """One row of the card: a task with its options, and the number found on its held-out prompts."""

    task: str
    options: Mapping[str, object]
    value: float


def write_card(command: str, minutes: float, threads: int, prompts: int, found: Sequence[Measurement]) -> str:
    """Return the card's text."""
    rows = "\n".join(
        f"| `{one.task}` | {_options(one.options)} | {MEASURED[one.task]} | {one.value:.4f} |" for one in found
    )
    unit = "thread" if threads == 1 else "threads"
    return f"""\
# edgewise demo model

A GPT-2-format language model of 4 layers, 4 heads a layer and width 64 (240,256 parameters, float32), small
enough to check every edge of it exactly. It has learned four tasks that circuits are published for, and
nothing else: it is a specimen for trying out circuit discovery, not a language model to use. Licence: that of
edgewise (MIT).

- **Tokenizer**: word level, 564 tokens, no BOS. One token a word, a mark or two digits ("1745" is "17" "45");
  a space before a word makes no difference, and line breaks are no tokens. Words it does not know become
  `<unk>`.
- **Context**: 64 tokens.
- **Trained** from nothing on the discovery prompts of `ioi`, `greater-than`, `docstring` and `induction` with
  `{command}`, which `make train-demo` runs,
  in {minutes:.0f} minutes on {threads} CPU {unit}. In `docstring`, 2 to 4 arguments stood around the matching
  ones, so that a copy by position is of no use.

## What it can do

Measured on {prompts:,} held-out prompts a row (seed 0), with the whole vocabulary to choose from: how often
the largest logit at the last token is the answer's, or, for `greater-than`, the mean probability of all later
years together.

| task | options | measured | value |
| --- | --- | --- | --- |
{rows}

A fifth of all pairs of words, chosen by a hash (`edgewise.tasks.split`), was kept out of training in the
parts that matter to a task; held-out prompts have only such pairs there:

{_HELD_OUT}

`tests/models/test_demo_card.py` measures every number again on the weights in this folder.
"""


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in options.items()) or "default"
