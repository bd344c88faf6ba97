"""What other libraries call a graph's nodes and inputs, both ways.

``transformer-lens``: the hook of what a node writes (a source) or reads (a destination), with the head's index behind
it: ``a5.h7`` is ``blocks.5.attn.hook_z[7]``, ``a5.h7<q>`` is ``blocks.5.hook_q_input[7]``. With a key/value head for
several heads the index of ``hook_k_input`` and ``hook_v_input`` is that head's.

``nnterp``: ``m5`` is ``mlps_output[5]`` where it writes and ``mlps_input[5]``, behind its norm, where it reads;
``input`` is ``layers_input[0]``, and ``logits`` reads at ``lm_head.input``. It has no names for single heads.

An edge is its two ends, ``source->destination``. Sources: TransformerLens's ``HookedTransformer.hook_dict`` and its
``TransformerBridge``'s aliases of the same names; nnterp's ``StandardizedTransformer``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgewise.errors import SelectionError, did_you_mean

if TYPE_CHECKING:
    from edgewise.graph.graph import Graph

__all__ = ["HookNames", "hook_names_of_graph", "own_name"]

TRANSFORMER_LENS, NNTERP = "transformer-lens", "nnterp"
_ARROW = "->"
_SOURCE = re.compile(r"a(\d+)\.h(\d+)|m(\d+)|input")
_DESTINATION = re.compile(r"a(\d+)\.(?:h|kv)(\d+)<([qkv])>|m(\d+)|logits")
# The same head in other spellings, and other hooks that hold what it writes.
_ALL = re.compile(r"\[\s*:\s*,\s*:\s*,\s*(\d+)\s*(?:,\s*:\s*)?\]$")
_SAME_HOOK = {"attn.hook_result[": "attn.hook_z[", **{f"attn.hook_{one}_input[": f"hook_{one}_input[" for one in "qkv"}}


@dataclass(frozen=True)
class HookNames:
    """The names of one library for what a graph has, both ways.

    Args:
        library: its name.
        sources: our name of each node that writes -> theirs.
        destinations: our name of each place that reads -> theirs.
    """

    library: str
    sources: Mapping[str, str] = field(repr=False)
    destinations: Mapping[str, str] = field(repr=False)

    def theirs(self, name: str) -> str:
        """Return their name of a node, an input or an edge of ours; ``m5`` by itself is what it writes.

        Raises:
            SelectionError: none of the graph's, or one that the library has no name for.
        """
        return self._turned(name, self.sources, self.destinations)

    def ours(self, name: str) -> str:
        """Return our name of theirs; see `theirs`."""
        back = ({theirs: ours for ours, theirs in names.items()} for names in (self.sources, self.destinations))
        return self._turned(plain(name), *back)

    def known(self, theirs: str) -> str | None:
        """Return our name of one node or input of theirs; None where it is no name of theirs."""
        both = (*self.sources.items(), *self.destinations.items())
        return next((ours for ours, other in both if other == plain(theirs)), None)

    def _turned(self, name: str, sources: Mapping[str, str], destinations: Mapping[str, str]) -> str:
        source, arrow, destination = name.partition(_ARROW)
        if not arrow:
            return self._one(name, {**destinations, **sources})
        return self._one(source, sources) + _ARROW + self._one(destination, destinations)

    def _one(self, name: str, names: Mapping[str, str]) -> str:
        found = names.get(name)
        if found is None:
            raise SelectionError(f"{self.library}: no name is known for '{name}'{did_you_mean(name, names)}")
        return found


def hook_names_of_graph(graph: Graph, library: str) -> HookNames:
    """Return the names of a library whose names follow from the graph alone.

    Args:
        graph: that of the model.
        library: ``"transformer-lens"`` or ``"nnterp"``.

    Raises:
        KeyError: another library.
    """
    wrote, read = _LIBRARIES[library]
    return HookNames(library, dict(_named(graph.sources, wrote, graph)), dict(_named(graph.destinations, read, graph)))


def own_name(name: str, graph: Graph) -> str | None:
    """Return our name of something that TransformerLens or nnterp names; None where neither does."""
    names = (hook_names_of_graph(graph, library) for library in _LIBRARIES)
    return next((found for one in names if (found := one.known(name)) is not None), None)


def plain(name: str) -> str:
    """A name of TransformerLens as `HookNames` spells it: ``[:, :, 7]`` is ``[7]``, ``hook_result`` is ``hook_z``."""
    return _ARROW.join(_plain_end(end.strip()) for end in name.split(_ARROW))


def _plain_end(name: str) -> str:
    name = _ALL.sub(r"[\1]", name)
    for other, hook in _SAME_HOOK.items():
        name = name.replace(f".{other}", f".{hook}")
    return name


def _named(
    names: tuple[str, ...], theirs: Callable[[str, Graph], str | None], graph: Graph
) -> Iterator[tuple[str, str]]:
    """Pairs of our name and theirs, where they have one."""
    found = ((name, theirs(name, graph)) for name in names)
    return ((name, other) for name, other in found if other is not None)


def _lens_source(name: str, _: Graph) -> str:
    head_layer, head, layer = _parts(_SOURCE, name)
    if head is not None:
        return f"blocks.{head_layer}.attn.hook_z[{head}]"
    return "blocks.0.hook_resid_pre" if layer is None else f"blocks.{layer}.hook_mlp_out"


def _lens_destination(name: str, graph: Graph) -> str:
    head_layer, head, letter, layer = _parts(_DESTINATION, name)
    if head is not None:
        return f"blocks.{head_layer}.hook_{letter}_input[{head}]"
    last = graph.spec.n_layers - 1
    return f"blocks.{last}.hook_resid_post" if layer is None else f"blocks.{layer}.hook_mlp_in"


def _nnterp_source(name: str, _: Graph) -> str | None:
    _head_layer, head, layer = _parts(_SOURCE, name)
    if head is not None:
        return None
    return "layers_input[0]" if layer is None else f"mlps_output[{layer}]"


def _nnterp_destination(name: str, _: Graph) -> str | None:
    _head_layer, head, _letter, layer = _parts(_DESTINATION, name)
    if head is not None:
        return None
    return "lm_head.input" if layer is None else f"mlps_input[{layer}]"


def _parts(pattern: re.Pattern[str], name: str) -> tuple[str | None, ...]:
    found = pattern.fullmatch(name)
    if found is None:
        raise SelectionError(f"'{name}' is no name of a graph")
    return found.groups()


_LIBRARIES = {TRANSFORMER_LENS: (_lens_source, _lens_destination), NNTERP: (_nnterp_source, _nnterp_destination)}
