"""What other libraries call a model's nodes and inputs: those of `graph.hook_names`, and nnsight's, which are modules.

``nnsight``: the module's path, ``.input`` or ``.output``, and for a head the columns that it has of it. A source is
what it writes: a head's columns of the input of the output projection (its slice of the weight makes the output of
them), an MLP's output. A destination is the first place that is its own: a head's columns of a projection's output,
the input of an MLP or of the unembedding, behind the norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from edgewise.errors import UnknownNameError, did_you_mean
from edgewise.graph import Graph
from edgewise.graph.hook_names import NNTERP, TRANSFORMER_LENS, HookNames, hook_names_of_graph
from edgewise.models.adapted import within
from edgewise.models.model import Model

if TYPE_CHECKING:
    from edgewise.models.wiring import Block, Projection

NNSIGHT = "nnsight"
LIBRARIES = (TRANSFORMER_LENS, NNTERP, NNSIGHT)


def hook_names(of: Model | Graph, library: str = TRANSFORMER_LENS) -> HookNames:
    """Return what another library calls a model's nodes, inputs and edges, both ways.

    Args:
        of: a model; for the first two libraries its graph will do.
        library: ``"transformer-lens"``, ``"nnterp"`` or ``"nnsight"``.

    Returns:
        The names: ``theirs("a5.h7")`` is ``"blocks.5.attn.hook_z[7]"``, and ``ours`` turns it back.

    Raises:
        UnknownNameError: another library, or nnsight for a graph, which does not know the model's modules.

    Example:
        ``edgewise.hook_names(model).theirs("a5.h7->m6")``
    """
    if library not in LIBRARIES:
        near = did_you_mean(library, LIBRARIES)
        raise UnknownNameError(f"library {library!r} is not known{near}; use one of {', '.join(LIBRARIES)}")
    if library != NNSIGHT:
        return hook_names_of_graph(of if isinstance(of, Graph) else of.graph, library)
    if isinstance(of, Graph):
        raise UnknownNameError("nnsight's names are those of the model's modules; give the model, and not its graph")
    return _of_modules(of)


def _of_modules(model: Model) -> HookNames:
    wiring, graph = model.wiring, model.graph
    paths = {module: path for path, module in within(model.module).named_modules()}
    sources = {"input": f"{paths[wiring.blocks[0].module]}.input"}
    destinations: dict[str, str] = {}
    for layer, block in enumerate(wiring.blocks):
        sources |= _written(block, layer, paths)
        for columns, projection in zip(
            (graph.q(layer), graph.k(layer), graph.v(layer)), block.attention.projections, strict=True
        ):
            destinations |= _read(graph.destinations[columns], projection, paths)
        if block.mlp is not None:
            destinations[f"m{layer}"] = f"{paths[block.mlp.module]}.input"
    return HookNames(NNSIGHT, sources, {**destinations, "logits": f"{paths[wiring.unembedding]}.input"})


def _written(block: Block, layer: int, paths: dict[nn.Module, str]) -> dict[str, str]:
    out = block.attention.out
    path, width = paths[out.module], out.width // out.n_heads
    names = {f"a{layer}.h{head}": f"{path}.input[{_columns(head, width)}]" for head in range(out.n_heads)}
    return names if block.mlp is None else {**names, f"m{layer}": f"{paths[block.mlp.out]}.output"}


def _read(names: tuple[str, ...], projection: Projection, paths: dict[nn.Module, str]) -> dict[str, str]:
    path, width = paths[projection.module], projection.weight().shape[-1]
    return {
        name: f"{path}.output[{_columns(slot, width)}]" for name, slot in zip(names, projection.view.slots, strict=True)
    }


def _columns(slot: int, width: int) -> str:
    return f"..., {slot * width}:{(slot + 1) * width}"
