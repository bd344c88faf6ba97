"""Options that several verbs take, with the same name, help and place in it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

PROMPTS, MACHINE, CIRCUIT = "Prompts", "Model and machine", "Circuit"


def option(group: str, *names: str, help: str) -> Any:
    """An option in a group of its verb's help."""
    return typer.Option(*names, help=help, rich_help_panel=group)


TaskOptions = Annotated[
    list[str] | None, option(PROMPTS, "--option", help="An option of the task, name=value; repeatable.")
]
Bos = Annotated[
    bool | None, option(PROMPTS, "--bos/--no-bos", help="BOS before prompts; by default as the tokenizer does.")
]
DropInvalid = Annotated[bool, option(PROMPTS, "--drop-invalid", help="Leave out and count rows that cannot be used.")]
ConfigFile = Annotated[
    str | None,
    option(MACHINE, "--config", help="Config of weights in TransformerLens's format, if not beside them."),
]
KvHeads = Annotated[
    str | None,
    option(MACHINE, "--kv-heads", help="native, or query: a k and a v of every query head where several share one."),
]
Attention = Annotated[
    str | None, option(MACHINE, "--attention", help="eager, sdpa, flash_attention_2; by default transformers' choice.")
]
BatchSize = Annotated[
    int | None, option(MACHINE, "--batch-size", help="Prompts at a time; by default what memory allows.")
]
MaxMemory = Annotated[
    str | None, option(MACHINE, "--max-memory", help="Memory to use in all, such as 8GB; by default what is free.")
]
IgnoreConfig = Annotated[
    list[str] | None, option(MACHINE, "--ignore-config", help="A config attribute you vouch for; repeatable.")
]
TrustRemoteCode = Annotated[
    bool, option(MACHINE, "--trust-remote-code", help="Run code that the hub repository carries.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Top = Annotated[int | None, option(CIRCUIT, "--top", help="Keep so many edges (or nodes).")]
Threshold = Annotated[
    float | None, option(CIRCUIT, "--threshold", help="Keep what ranks at or above this, in metric units.")
]
Fraction = Annotated[
    float | None, option(CIRCUIT, "--fraction", help="Keep this share: by default 0.01 of edges, 0.1 of nodes.")
]
By = Annotated[str, option(CIRCUIT, "--by", help="Rank by abs, signed, helpful or mean-abs.")]
Greedy = Annotated[bool, option(CIRCUIT, "--greedy", help="Grow the circuit from logits back.")]
Prune = Annotated[bool, option(CIRCUIT, "--prune", help="Drop kept edges on no path from input to logits.")]
Stable = Annotated[bool, option(CIRCUIT, "--stable", help="Choose among those whose sign is certain at 95 %.")]
