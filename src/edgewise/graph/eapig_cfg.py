"""The ``cfg`` of EAP-IG's graph files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import FormatError, ModelError
from edgewise.graph.fields import entry, section
from edgewise.graph.spec import GraphSpec

__all__ = ["read_cfg", "write_cfg"]


def write_cfg(spec: GraphSpec) -> dict[str, Any]:
    """Return EAP-IG's four fields, and ours where the model needs them."""
    cfg: dict[str, Any] = {
        "n_layers": spec.n_layers,
        "n_heads": spec.n_heads,
        "parallel_attn_mlp": spec.parallel,
        "d_model": spec.d_model,
    }
    if spec.is_grouped:
        cfg["n_key_value_heads"] = spec.kv_heads
    if not spec.has_mlp:
        cfg["attn_only"] = True
    return cfg


def read_cfg(d: Mapping[str, Any], given: GraphSpec | None) -> GraphSpec:
    """Return the shape that ``cfg`` describes, or `given` after a check that the two agree.

    They may differ in the key/value heads, which EAP-IG's ``cfg`` does not hold.

    Raises:
        FormatError: a missing or impossible field, or one that contradicts `given`.
    """
    cfg = section(d, "cfg")
    counts = {field: entry(cfg, field, int, "cfg") for field in ("n_layers", "n_heads", "d_model")}
    try:
        found = GraphSpec(
            **counts,
            n_kv_heads=entry({"n_key_value_heads": None, **cfg}, "n_key_value_heads", (int, type(None)), "cfg"),
            has_mlp=not entry({"attn_only": False, **cfg}, "attn_only", bool, "cfg"),
            parallel=entry(cfg, "parallel_attn_mlp", bool, "cfg"),
        )
    except ModelError as error:
        raise FormatError(f"cfg: {error}") from None
    if given is None:
        return found
    for field in ("n_layers", "n_heads", "d_model", "has_mlp", "parallel"):
        in_file, wanted = getattr(found, field), getattr(given, field)
        if in_file != wanted:
            raise FormatError(f"cfg: {field} is {in_file}, the model's is {wanted}; the file is of another model")
    return given
