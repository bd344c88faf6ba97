"""Why a weights file does not fit its config, where it can be seen in the names: pure functions over them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edgewise.models.pretrained.files import Files, shard_count
from edgewise.models.pretrained.loading_report import Report
from edgewise.models.weight_names import listed, prefix_cause

NUMBER = re.compile(r"\.(\d+)\.")
DEFAULT = "the file is not whole, or config.json belongs to another model; get or save both again"


@dataclass(frozen=True)
class Facts:
    """What a cause can be read from.

    Args:
        report: what does not fit.
        held: names of the file's tensors.
        expected: names of the model's parameters and buffers.
        base: the name of the part that is the model without its head.
        head: the name of the weight that makes the logits.
        config: its settings by name.
        depth: the config's own name for the number of layers.
        files: the files read, of a folder.
    """

    report: Report
    held: Collection[str]
    expected: Collection[str]
    base: str = "model"
    head: str | None = None
    config: Mapping[str, Any] | None = None
    depth: str = "num_hidden_layers"
    files: Files | None = None

    @property
    def strangers(self) -> list[str]:
        """Names of the file that are not the model's, as they stand there."""
        return [name for name in self.held if name not in self.expected]


def cause(facts: Facts) -> str:
    """Why the weights do not fit and what to do, in one clause."""
    return next((found for look in CAUSES if (found := look(facts)) is not None), DEFAULT)


def _wrapped(facts: Facts) -> str | None:
    missing = facts.report.missing
    if not missing:
        return None
    bare = {name.removeprefix(f"{facts.base}.") for name in missing}
    return prefix_cause(facts.strangers, missing) or prefix_cause(facts.strangers, bare)


def _adapter(facts: Facts) -> str | None:
    marked = [name for name in facts.strangers if "lora_" in name or ".base_layer." in name]
    if not marked:
        return None
    return f"an adapter was saved unmerged ({listed(marked, 1)}); call merge_and_unload() and save that"


def _unnamed_shards(facts: Facts) -> str | None:
    files = facts.files
    if files is None or not facts.report.missing:
        return None
    if files.index is None:
        if not files.beside:
            return None
        beside = listed([path.name for path in files.beside], 2)
        return f"only {files.name} is read where it is there, and {beside} lie beside it; remove what does not belong"
    promised = shard_count([*files.read, *files.beside])
    if promised is not None and promised > len(files.read):
        unread = f", and not {listed([path.name for path in files.beside], 2)}" if files.beside else ""
        return f"{files.name} names {len(files.read)} of {promised} files{unread}; get the whole index and all files"
    astray = [name for name in files.placed if name not in facts.held]
    if astray:
        return f"{files.placed[min(astray)]} does not hold {listed(astray, 1)}, which {files.name} says; get it again"
    return None


def _layers(facts: Facts) -> str | None:
    """Layers that the config has and the file lacks, or the other way round."""
    wanted, found = _numbered(facts.expected), _numbered(facts.held)
    if not wanted or not found or wanted == found:
        return None
    if not (_in_layers(facts.report.missing, wanted - found) or _in_layers(facts.report.unexpected, found - wanted)):
        return None
    if found == set(range(len(found))):
        return (
            f"config.json says {facts.depth} {len(wanted)}, and the file has {len(found)} layers; mend the one that"
            " is wrong"
        )
    absent = ", ".join(str(layer) for layer in sorted(wanted - found))
    return f"of the layers the file lacks {absent}; get it again"


def _head(facts: Facts) -> str | None:
    if facts.head is None or facts.report.missing != {facts.head}:
        return None
    if (facts.config or {}).get("tie_word_embeddings") is False:
        return (
            f"tie_word_embeddings is false, so {facts.head!r} must be there; if the model makes its logits with the"
            " embedding, set it to true in config.json"
        )
    return None


def _shapes(facts: Facts) -> str | None:
    shapes = facts.report.mismatched
    if not shapes:
        return None
    if all(len(wanted) > 1 and found == wanted[::-1] for found, wanted in shapes.values()):
        return "it is stored transposed; save it as [out, in], or in the layout of this class"
    if all("expert" in name and found[1:] == wanted[1:] for name, (found, wanted) in shapes.items()):
        return "the first number counts experts: some are missing, or config.json belongs to another model"
    vocabulary = (facts.config or {}).get("vocab_size")
    if all(wanted[:1] == (vocabulary,) and found[1:] == wanted[1:] for found, wanted in shapes.values()):
        rows = sorted({found[0] for found, _ in shapes.values()})[0]
        return f"config.json says vocab_size {vocabulary}, and the file has {rows} rows; mend vocab_size"
    return "config.json belongs to another model; give these weights their own"


def _kind(facts: Facts) -> str | None:
    """One kind of weight that the file has and the model nowhere, or biases the other way round."""
    switches = sorted(name for name, value in (facts.config or {}).items() if "bias" in name and _is_switch(value))
    for names, others, verb in (
        (facts.report.unexpected, facts.expected, "the file has and config.json leaves out"),
        (facts.report.missing, facts.held, "config.json asks for and the file has nowhere"),
    ):
        kinds = {NUMBER.sub(".*.", name) for name in names}
        if not names or kinds & {NUMBER.sub(".*.", name) for name in others}:
            continue
        if switches and all(kind.endswith(".bias") and "*" in kind for kind in kinds):
            return f"these are biases that {verb}; mend {' or '.join(switches)}"
        if not facts.report.missing:
            return f"these are weights that {verb}; give these weights their own config.json"
    return None


def _other_class(facts: Facts) -> str | None:
    known = {_bare(name, facts.base) for name in facts.expected}
    if not facts.held or not facts.report.missing or any(_bare(name, facts.base) in known for name in facts.held):
        return None
    return f"no name in the file is one of this class's ({listed(facts.held, 1)}); config.json belongs to another model"


CAUSES: tuple[Callable[[Facts], str | None], ...] = (
    _wrapped,
    _adapter,
    _unnamed_shards,
    _other_class,
    _layers,
    _head,
    _shapes,
    _kind,
)


def _numbered(names: Collection[str]) -> set[int]:
    return {int(found.group(1)) for name in names if (found := NUMBER.search(name))}


def _in_layers(names: Collection[str], layers: Collection[int]) -> bool:
    return any((found := NUMBER.search(name)) and int(found.group(1)) in layers for name in names)


def _bare(name: str, base: str) -> str:
    return name.removeprefix(f"{base}.")


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)
