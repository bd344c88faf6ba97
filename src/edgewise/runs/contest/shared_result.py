"""What several sets of prompts share, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.evaluation.comparison import Matrix


@dataclass(frozen=True)
class SpecificEdge:
    """An edge (or node) of one set's circuit that is not in the shared one.

    Args:
        name: its name.
        part: its score as a part of the set's whole effect.
        elsewhere: the largest that any other set has.
        parts: of each set.
    """

    name: str
    part: float
    elsewhere: float
    parts: tuple[float, ...]


@dataclass(frozen=True)
class SharedEdge:
    """An edge (or node) of the shared circuit.

    Args:
        name: its name.
        score: the shared one.
        parts: of each set.
    """

    name: str
    score: float
    parts: tuple[float, ...]


@dataclass(frozen=True)
class SharingSet:
    """One set of prompts.

    Args:
        folder: of its run.
        name: of its task or file.
        n: prompts that were scored.
        metric: what was measured.
        effect: the metric on corrupted prompts minus that on clean ones.
        circuit_edges: of its own circuit.
        in_shared: how many of these are in the shared circuit.
        specific: those that are not, the most specific first.
    """

    folder: str
    name: str
    n: int
    metric: str
    effect: float
    circuit_edges: int
    in_shared: int
    specific: tuple[SpecificEdge, ...]


@dataclass(frozen=True)
class KeptOfSet:
    """What circuits keep of one set's prompts.

    Args:
        name: the set's.
        n: prompts, held-out ones where there are any.
        note: what to know about them; None where there is nothing.
        full: the metric with no edge patched.
        empty: with every edge patched.
        shared: faithfulness of the shared circuit; None where patching every edge changes nothing.
        shared_stderr: over prompts; None likewise.
        own: of every set's own circuit, in the order of the sets.
        random: of random circuits with as many edges as the shared one.
    """

    name: str
    n: int
    note: str | None
    full: float
    empty: float
    shared: float | None
    shared_stderr: float | None
    own: tuple[float | None, ...]
    random: tuple[float | None, ...]


@dataclass(frozen=True)
class Shared:
    """Scores and a circuit that several sets of prompts share.

    Args:
        model: whose.
        level: what is scored.
        way: how scores are made into one.
        rule: which of them make the circuit.
        edges: of the graph.
        circuit_edges: of the shared circuit.
        all_scored: how many edges (or nodes) all sets have scored.
        same_sign: how many of these have the same sign in all.
        sets: each set.
        overlap: of the sets' own circuits.
        rank_correlation: of their scores, signs included.
        top: the largest of the shared circuit.
        kept: what circuits keep; empty where it was not measured.
        warnings: one line each.
    """

    model: str
    level: str
    way: str
    rule: str
    edges: int
    circuit_edges: int
    all_scored: int
    same_sign: int
    sets: tuple[SharingSet, ...]
    overlap: Matrix
    rank_correlation: Matrix
    top: tuple[SharedEdge, ...]
    kept: tuple[KeptOfSet, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        """Show how many edges how many sets share."""
        size = f"{self.circuit_edges:,} of {self.edges:,} {self.level}s"
        return f"Shared({size} of {len(self.sets)} sets of {self.model}, by {self.way})"
