"""Tasks that are templates: a file of `library` each, and what makes a task's prompts of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgewise.errors import DataError, did_you_mean
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.templates.draw import Made, draw
from edgewise.tasks.templates.fit import Fitted, described, fit
from edgewise.tasks.templates.options import chosen
from edgewise.tasks.templates.read import read_template
from edgewise.tasks.templates.template import Template

LIBRARY = Path(__file__).parent / "library"


@dataclass(frozen=True)
class TemplateTask:
    """A task made from a template, which is read when it is first asked for.

    Args:
        path: its file.
    """

    path: Path

    @cached_property
    def template(self) -> Template:
        """What the file says."""
        return read_template(self.path)

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, the lists of other files included."""
        return hashlib.sha256(repr(self.template).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """One line for lists."""
        return self.template.summary

    @property
    def options(self) -> tuple[str, ...]:
        """What a user may choose."""
        return tuple(self.template.options)

    @property
    def reads_answers(self) -> bool:
        """Whether it is made for a chat template as for any other text; else made plain, and put there afterwards."""
        return not self.template.plain

    def __call__(self, encoder: TextEncoder, *, n: int, seed: int, split: str, **options: Any) -> PromptSet:
        """Make prompts; raises DataError for an option it lacks, or where the tokenizer allows too few fillers."""
        values = chosen(self.template.name, self.template.options, options)
        fitted = fit(self.template, encoder)
        made = draw(self.template, fitted, encoder, n=n, seed=seed, split=split, options=options)
        return prompt_set(self.template, fitted, made, encoder, values)


def find_template(wanted: str) -> Template:
    """The template of a file, or of a task that is one.

    Args:
        wanted: a path, or the task's name.

    Raises:
        DataError: neither; it names the tasks that are templates.
    """
    return read_template(Path(wanted) if Path(wanted).suffix else template_file(wanted))


def template_file(task: str) -> Path:
    """The file of a task that is a template; raises DataError for another name."""
    path = LIBRARY / f"{task}.toml"
    if not path.is_file():
        known = sorted(file.stem for file in LIBRARY.glob("*.toml"))
        raise DataError(
            f"no template {task!r}{did_you_mean(task, known)}; give a .toml or .yaml file, or a task that is a"
            f" template: {', '.join(known)}"
        )
    return path


def prompt_set(
    template: Template, fitted: Fitted, made: list[Made], encoder: TextEncoder, options: Mapping[str, str | int]
) -> PromptSet:
    """Prompts as a set, with what was left out as warnings, the form that was taken, and what was chosen."""
    pairs = tuple(replace(one.pair, row=row) for row, one in enumerate(made, start=1))
    lines = described(fitted.dropped)
    info = {**({"form": fitted.form.name} if fitted.form.name else {}), **options}
    return PromptSet(
        template.name,
        pairs,
        metric=template.metric,
        bos=encoder.bos,
        warnings=tuple(f"task {template.name!r}: {line}" for line in lines),
        info=info,
    )


def _shipped(name: str) -> TemplateTask:
    return TemplateTask(LIBRARY / f"{name}.toml")


IOI = _shipped("ioi")
DOCSTRING = _shipped("docstring")
INDUCTION = _shipped("induction")
AGREEMENT = _shipped("agreement")
CAPITALS = _shipped("capitals")
PRONOUNS = _shipped("pronouns")
ANTONYMS = _shipped("antonyms")
HYPERNYMS = _shipped("hypernyms")
LANGUAGES = _shipped("languages")
CURRENCIES = _shipped("currencies")
PLURALS = _shipped("plurals")
PAST_TENSE = _shipped("past-tense")
SUCCESSORS = _shipped("successors")
COLOURS = _shipped("colours")
RESIDENCES = _shipped("residences")
LANGUAGE_SWITCH = _shipped("language-switch")
ACRONYMS = _shipped("acronyms")
ADDITION = _shipped("addition")
PRICES = _shipped("prices")
MCQA = _shipped("mcqa")
