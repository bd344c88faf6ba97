"""What a format is, and the result that it carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from edgewise.errors import FormatError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores

Sign = Literal["ours", "minus ours", "-"]
Column = list[Any]
# Files by their path inside a folder, for a format that is one.
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class About:
    """What some formats say beside scores and circuit.

    Args:
        name: of the result.
        model: the model's name.
        task: the task's name; None for prompts of a file.
        tokens: the first prompt's tokens as text; empty where none are kept.
        read_at: the last of its positions where logits are read.
        classes: node -> what published work says it does.
    """

    name: str = "edgewise"
    model: str = ""
    task: str | None = None
    tokens: tuple[str, ...] = ()
    read_at: int = 0
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, eq=False)
class Exchanged:
    """Scores, a circuit, or both, of one graph.

    Args:
        graph: that of the model.
        circuit: None where the file has none.
        scores: None where the file has none.
        about: the rest.
    """

    graph: Graph
    circuit: Circuit | None
    scores: EdgeScores | NodeScores | None
    about: About = About()

    @property
    def plain(self) -> Exchanged:
        """The same with edges over all positions: sums of scores, and each edge that the circuit keeps at any place."""
        if not self.graph.places:
            return self
        circuit = None if self.circuit is None else self.circuit.plain
        scores = self.scores.plain if isinstance(self.scores, EdgeScores) else self.scores
        return replace(self, graph=self.graph.plain, circuit=circuit, scores=scores)

    def edge_scores(self, what: str) -> EdgeScores | None:
        """The scores for a format that has scores of edges alone. Raises FormatError for scores of nodes."""
        if isinstance(self.scores, NodeScores):
            raise FormatError(f"{what} has scores of edges, and these are of nodes; use csv, jsonl or eap-ig-json")
        return self.scores

    def whole_circuit(self) -> Circuit:
        """The circuit; without one, that of no edge."""
        return Circuit.empty(self.graph) if self.circuit is None else self.circuit


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        summary: what it is, in one line.
        suffix: how its files end; empty for a folder.
        holds: what can be read back, in words; ``"-"`` where nothing can.
        sign: that of its scores.
        lost: what of a result it does not keep, in one line; empty where nothing.
        write: the file's content, or the files of a folder; None where it is only read.
        read: a file's content on a model's graph; None where it is only written. Raises FormatError with the place.
        by_place: whether it keeps edges apart by place in the prompt; else it is given their sums over places.
        table: from columns of anything, by name, to the file's content, for a format that is a table.
    """

    summary: str
    suffix: str
    holds: str
    sign: Sign
    lost: str
    write: Callable[[Exchanged], bytes | Files] | None
    read: Callable[[bytes, Graph], Exchanged] | None = None
    by_place: bool = False
    table: Callable[[Mapping[str, Column]], bytes] | None = None


def text_of(content: bytes) -> str:
    """The text of a file. Raises FormatError where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8, at byte {error.start}; write it as UTF-8") from None
