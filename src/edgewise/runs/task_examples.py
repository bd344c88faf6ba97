"""An example of every task as a model reads it, by its config and tokenizer alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.models import open_model
from edgewise.runs.prompts import make_task
from edgewise.runs.shown_prompts import ShownRow, show_row
from edgewise.settings import described
from edgewise.settings.model import ModelSettings
from edgewise.tasks import TASKS


@dataclass(frozen=True)
class TaskExample:
    """A task's first prompt, and the form that the tokenizer allows; or why there is none."""

    task: str
    row: ShownRow | None
    form: str = ""
    refused: str = ""


def task_examples(settings: ModelSettings) -> Iterator[TaskExample]:
    """An example of each task, in the order of the registry; raises as `open_model`."""
    asked = {one.name: getattr(settings, one.name) for one in described(ModelSettings)}
    reader = open_model(asked.pop("model"), **asked).reader
    for task in TASKS:
        try:
            prompts = make_task(task, reader, n=1)
        except DataError as error:
            yield TaskExample(task, None, refused=str(error))
            continue
        yield TaskExample(task, show_row(prompts[0], reader.tokenizer, 1), str(prompts.info.get("form", "")))
