"""Which prompts: those of a task, or those of a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from edgewise.errors import SettingError
from edgewise.settings.read import check
from edgewise.settings.setting import setting
from edgewise.settings.texts import read_columns, read_options, write_options


@dataclass(frozen=True)
class PromptSettings:
    """Prompts, as every verb that reads some takes them.

    Raises:
        SettingError: neither or both of task and data, options without a task, options that are no JSON.
    """

    title: ClassVar[str] = "Prompts"

    task: str | None = setting(None, help="A task; see `edgewise list tasks`; or the file of a template.")
    data: str | None = setting(
        None, help="A CSV, JSON, JSONL or Parquet file of prompts, or hub:NAME[:SPLIT].", metavar="FILE"
    )
    columns: Mapping[str, Any] = setting(
        factory=dict,
        hashed=False,
        help="A field of --data and the column that has it, clean=question; repeatable.",
        flag="--map",
        metavar="FIELD=COLUMN",
        read=read_columns,
        write=write_options,
    )
    options: Mapping[str, Any] = setting(
        factory=dict,
        hashed=False,
        help="An option of the task, name=value; repeatable.",
        flag="--option",
        metavar="NAME=VALUE",
        read=read_options,
        write=write_options,
    )
    n: int | None = setting(None, help="Number of prompts.", least=1, shown_default="100 of a task, all of a file")
    seed: int = setting(0, help="Seed of the task's generator, and of whatever else is drawn.")
    split: Literal["discovery", "held-out"] = setting("discovery", help="discovery or held-out; no prompt is in both.")
    hold_out: float | None = setting(
        None,
        help="Share of a data file's rows that are not scored; circuits are measured on them.",
        above=0,
        most=0.9,
        shown_default="0.5 with --keep or --max-kl, else none",
    )
    bos: bool | None = setting(None, help="BOS before prompts.", shown_default="as the tokenizer does")
    chat: bool = setting(False, help="Put prompts into the tokenizer's chat template, as a user's message.")
    system: str | None = setting(None, help="What the system says before; implies --chat.", metavar="TEXT")
    drop_invalid: bool = setting(False, help="Leave out and count rows that cannot be used.")
    select: Literal["all", "correct"] = setting("all", help="all, or only the rows that the model gets right: correct.")
    first_token: bool = setting(False, help="Of a data file's answers that are several tokens, take the first.")
    answer_tokens: Literal["differing", "all"] = setting(
        "differing",
        help="Of a data file's answers of several tokens: differing, where right and wrong ones first differ; or all,"
        " the log probability of the whole right one.",
    )

    def __post_init__(self) -> None:
        """Check what can be checked without a model, and freeze the options."""
        check(self)
        if (self.task is None) == (self.data is None):
            given = "both a task and a data file" if self.task else "neither a task nor a data file"
            raise SettingError(f"{given} given; give exactly one of --task and --data")
        if self.options and self.task is None:
            raise SettingError(f"options {sorted(self.options)} belong to a task, not to --data; leave --option out")
        if self.columns and self.data is None:
            raise SettingError("--map names columns of --data; a task has none, so leave it out")
        if self.hold_out is not None and self.task is not None:
            raise SettingError("--hold-out is of a data file; a task has held-out prompts of its own, so leave it out")
        if self.answer_tokens == "all" and self.task is not None:
            raise SettingError("--answer-tokens is of a data file; a task says itself what is read, so leave it out")
        if self.answer_tokens == "all" and self.first_token:
            raise SettingError("--first-token takes one token of an answer, --answer-tokens all takes all; give one")
        if self.bos is not None and self.in_chat:
            raise SettingError("with --chat the template says what stands in front; leave --bos and --no-bos out")
        object.__setattr__(self, "options", json_values("task options", self.options))
        object.__setattr__(self, "columns", json_values("columns", {k: str(v) for k, v in self.columns.items()}))

    @property
    def in_chat(self) -> bool:
        """Whether prompts are put into a chat template."""
        return self.chat or self.system is not None


def json_values(what: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy that cannot be changed, of JSON values alone. Raises SettingError."""
    try:
        loaded: dict[str, Any] = json.loads(json.dumps(dict(values), sort_keys=True))
    except (TypeError, ValueError) as error:
        raise SettingError(f"{what} must be JSON values: {error}") from error
    return MappingProxyType(loaded)
