"""What published work says that nodes do: for each task, one model and the classes of its heads and MLPs.

Indirect object identification in GPT-2 small: Wang et al. (2022). Greater-than in GPT-2 small: Hanna et al.
(2023). Docstring in a four-layer attention-only model: Heimersheim and Janiak (2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgewise.graph import GraphSpec


@dataclass(frozen=True)
class NodeClasses:
    """The classes of one task's nodes in one model.

    Args:
        models: names the model goes by.
        n_layers: number of its blocks.
        n_heads: heads a block.
        has_mlp: whether it has MLPs.
        members: class -> nodes; no node is in two classes.
    """

    models: tuple[str, ...]
    n_layers: int
    n_heads: int
    has_mlp: bool
    members: Mapping[str, tuple[str, ...]]

    def fits(self, model: str, spec: GraphSpec) -> bool:
        """Whether a model is the one the classes were found in: its name and its shape are the same."""
        shape = (spec.n_layers, spec.n_heads, spec.kv_heads, spec.has_mlp, spec.parallel)
        return model in self.models and shape == (self.n_layers, self.n_heads, self.n_heads, self.has_mlp, False)


def _nodes(*groups: str) -> tuple[str, ...]:
    """Nodes from ``"9.9 10.0 m3"``: heads as layer.head, MLPs by name."""
    names = " ".join(groups).split()
    return tuple(name if name[0] == "m" else "a{}.h{}".format(*name.split(".")) for name in names)


_GPT2_SMALL = ("gpt2", "openai-community/gpt2")

NODE_CLASSES: Mapping[str, NodeClasses] = MappingProxyType(
    {
        "ioi": NodeClasses(
            _GPT2_SMALL,
            12,
            12,
            True,
            MappingProxyType(
                {
                    "name mover": _nodes("9.6 9.9 10.0"),
                    "backup name mover": _nodes("9.0 9.7 10.1 10.2 10.6 10.10 11.2 11.9"),
                    "negative name mover": _nodes("10.7 11.10"),
                    "s-inhibition": _nodes("7.3 7.9 8.6 8.10"),
                    "induction": _nodes("5.5 5.8 5.9 6.9"),
                    "duplicate token": _nodes("0.1 0.10 3.0"),
                    "previous token": _nodes("2.2 4.11"),
                }
            ),
        ),
        "greater-than": NodeClasses(
            _GPT2_SMALL,
            12,
            12,
            True,
            MappingProxyType(
                {
                    "early heads 0.3, 0.5": _nodes("0.3 0.5"),
                    "early head 0.1": _nodes("0.1"),
                    "early MLP": _nodes("m0 m1 m2 m3"),
                    "middle head": _nodes("5.5 6.1 6.9 7.10 8.11 9.1"),
                    "late MLP": _nodes("m8 m9 m10 m11"),
                }
            ),
        ),
        "docstring": NodeClasses(
            ("attn-only-4l", "NeelNanda/Attn_Only_4L512W_C4_Code"),
            4,
            8,
            False,
            MappingProxyType({"docstring circuit": _nodes("0.5 1.2 1.4 2.0 3.0 3.6")}),
        ),
    }
)


def head_classes(task: str | None, model: str, spec: GraphSpec) -> Mapping[str, str]:
    """Return the class of every node of a model that published work on a task gives one.

    Args:
        task: a task's name; None for prompts of the user's own.
        model: the model's name.
        spec: shape of its graph.

    Returns:
        Node -> class, in the order of the classes; empty when nothing is known of this task in this model.
    """
    known = NODE_CLASSES.get(task or "")
    if known is None or not known.fits(model, spec):
        return {}
    return {node: name for name, nodes in known.members.items() for node in nodes}
