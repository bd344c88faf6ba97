"""Prompts: published tasks by name, files of the user's own, and the values both become.

Adding a task is one module with a function `make`, or a template's file in `templates/library` and its line in
`templates/shipped.py`; and one row in `TASKS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from edgewise.errors import DataError
from edgewise.registry import Registry
from edgewise.tasks.chat import ChatEncoder, as_chat
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.hub import MIB
from edgewise.tasks.prompts import PromptPair, PromptSet
from edgewise.tasks.templates import is_template
from edgewise.tasks.tokenizer import Tokenizer
from edgewise.tasks.validation import Validated, validate

__all__ = [
    "TASKS",
    "PromptPair",
    "PromptSet",
    "Split",
    "TextEncoder",
    "Tokenizer",
    "Validated",
    "load_task",
    "make_task",
    "require_drawable",
    "validate",
]

Split = Literal["discovery", "held-out"]

TASKS = Registry(
    "task",
    {
        "ioi": "edgewise.tasks.templates.shipped:IOI",
        "greater-than": "edgewise.tasks.greater_than:make",
        "docstring": "edgewise.tasks.templates.shipped:DOCSTRING",
        "induction": "edgewise.tasks.templates.shipped:INDUCTION",
        "agreement": "edgewise.tasks.templates.shipped:AGREEMENT",
        "capitals": "edgewise.tasks.templates.shipped:CAPITALS",
        "pronouns": "edgewise.tasks.templates.shipped:PRONOUNS",
        "antonyms": "edgewise.tasks.templates.shipped:ANTONYMS",
        "hypernyms": "edgewise.tasks.templates.shipped:HYPERNYMS",
        "languages": "edgewise.tasks.templates.shipped:LANGUAGES",
        "currencies": "edgewise.tasks.templates.shipped:CURRENCIES",
        "plurals": "edgewise.tasks.templates.shipped:PLURALS",
        "past-tense": "edgewise.tasks.templates.shipped:PAST_TENSE",
        "successors": "edgewise.tasks.templates.shipped:SUCCESSORS",
        "colours": "edgewise.tasks.templates.shipped:COLOURS",
        "residences": "edgewise.tasks.templates.shipped:RESIDENCES",
        "language-switch": "edgewise.tasks.templates.shipped:LANGUAGE_SWITCH",
        "acronyms": "edgewise.tasks.templates.shipped:ACRONYMS",
        "addition": "edgewise.tasks.templates.shipped:ADDITION",
        "prices": "edgewise.tasks.templates.shipped:PRICES",
        "mcqa": "edgewise.tasks.templates.shipped:MCQA",
        "planted": "edgewise.tasks.planted:make",
        "compiled": "edgewise.tasks.compiled:make",
    },
    plugins="edgewise.tasks",
)


def load_task(name: str) -> Any:
    """What makes a task's prompts: by its name in `TASKS`, or by the file of a template of the user's.

    Raises:
        UnknownNameError: no such task.
        DataError: a template that cannot be read, or does not fit together; one of MIB's, which are data.
    """
    if name.startswith(MIB):
        raise DataError(f"task {name!r}: MIB's tasks are datasets; write --data {name}")
    if not is_template(name):
        return TASKS.load(name)
    from edgewise.tasks.templates.shipped import TemplateTask

    task = TemplateTask(Path(name))
    _ = task.template
    return task


def make_task(
    name: str,
    tokenizer: Tokenizer | None,
    *,
    n: int = 100,
    seed: int = 0,
    split: Split = "discovery",
    bos: bool | None = None,
    options: Mapping[str, Any] | None = None,
    chat: ChatEncoder | None = None,
) -> PromptSet:
    """Make the prompts of a published task for a model's tokenizer.

    Args:
        name: a name in `TASKS`, or the file of a template.
        tokenizer: the model's tokenizer (Hugging Face).
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery" to find a circuit, "held-out" to test it; no prompt is in both.
        bos: put BOS before every prompt; None does as the tokenizer does by default.
        options: what the task itself offers, such as ``{"template": 3}``.
        chat: puts prompts into a chat template; None leaves them as they are.

    Returns:
        `n` prompts; `info` records task, n, seed, split and options.

    Raises:
        UnknownNameError: no such task.
        DataError: no tokenizer, a wrong argument, or words that are not single tokens for this tokenizer.
    """
    make = load_task(name)
    if tokenizer is None:
        raise DataError(f"task {name!r} is text and the model has no tokenizer; name one, or give token ids in a file")
    require_drawable(name, n, split)
    own = dict(options or {})
    _refuse_unknown_options(name, make, own)
    prompts = _made(make, TextEncoder(tokenizer, bos), chat, {"n": n, "seed": seed, "split": split, **own})
    recorded = {"task": name, "n": n, "seed": seed, "split": split, **own}
    return replace(prompts, info={**recorded, **prompts.info}, tokenizer=tokenizer)


def require_drawable(name: str, n: int, split: str) -> None:
    """Raise DataError for a number or a split of which no task has prompts."""
    if n < 1:
        raise DataError(f"task {name!r}, n: {n} prompts asked for; ask for at least 1")
    if split not in get_args(Split):
        raise DataError(f"task {name!r}, split: {split!r} is not one of {', '.join(get_args(Split))}")


def _made(make: Any, plain: TextEncoder, chat: ChatEncoder | None, asked: dict[str, Any]) -> PromptSet:
    """A template reads its answers where they stand; what other tasks made is put into the chat template afterwards."""
    if chat is not None and getattr(make, "reads_answers", False):
        return cast(PromptSet, make(chat, **asked))
    prompts: PromptSet = make(plain, **asked)
    return prompts if chat is None else as_chat(prompts, plain, chat)


def _refuse_unknown_options(name: str, make: Any, options: dict[str, Any]) -> None:
    parameters = inspect.signature(make).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return  # a template says itself what it offers
    known = [p.name for p in parameters if p.name not in ("encoder", "n", "seed", "split")]
    unknown = [option for option in options if option not in known]
    if unknown:
        offered = ", ".join(known) or "none"
        raise DataError(f"task {name!r} has no option {unknown[0]!r}; its options: {offered}")
