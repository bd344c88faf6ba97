"""Tasks that are templates: a file of `library` each, and what makes a task's prompts of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from edgewise.errors import DataError, did_you_mean
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.templates.draw import Made, draw
from edgewise.tasks.templates.fit import Fitted, described, fit
from edgewise.tasks.templates.read import read_template
from edgewise.tasks.templates.template import Template

LIBRARY = Path(__file__).parent / "library"


@dataclass(frozen=True)
class TemplateTask:
    """A task made from a file of the library, which is read when it is first asked for."""

    name: str

    @cached_property
    def template(self) -> Template:
        """What the file says."""
        return read_template(LIBRARY / f"{self.name}.toml", self.name)

    @property
    def summary(self) -> str:
        """One line for lists."""
        return self.template.summary

    def __call__(self, encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
        """Make prompts; raises DataError where the tokenizer allows too few fillers."""
        fitted = fit(self.template, encoder)
        made = draw(self.template, fitted, encoder, n=n, seed=seed, split=split)
        return prompt_set(self.template, fitted, made, encoder)


def find_template(wanted: str) -> Template:
    """The template of a file, or of a task that is one.

    Args:
        wanted: a path, or the task's name.

    Raises:
        DataError: neither; it names the tasks that are templates.
    """
    if Path(wanted).suffix:
        return read_template(Path(wanted))
    return read_template(template_file(wanted), wanted)


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


def prompt_set(template: Template, fitted: Fitted, made: list[Made], encoder: TextEncoder) -> PromptSet:
    """Prompts as a set, with what was left out as warnings, and the form that was taken."""
    pairs = tuple(replace(one.pair, row=row) for row, one in enumerate(made, start=1))
    lines = described(fitted.dropped, template.slots)
    info = {"form": fitted.form.name} if fitted.form.name else {}
    return PromptSet(
        template.name,
        pairs,
        metric=template.metric,
        bos=encoder.bos,
        warnings=tuple(f"task {template.name!r}: {line}" for line in lines),
        info=info,
    )


ANTONYMS = TemplateTask("antonyms")
HYPERNYMS = TemplateTask("hypernyms")
LANGUAGES = TemplateTask("languages")
CURRENCIES = TemplateTask("currencies")
PLURALS = TemplateTask("plurals")
PAST_TENSE = TemplateTask("past-tense")
SUCCESSORS = TemplateTask("successors")
COLOURS = TemplateTask("colours")
RESIDENCES = TemplateTask("residences")
LANGUAGE_SWITCH = TemplateTask("language-switch")
ACRONYMS = TemplateTask("acronyms")
ADDITION = TemplateTask("addition")
PRICES = TemplateTask("prices")
MCQA = TemplateTask("mcqa")
