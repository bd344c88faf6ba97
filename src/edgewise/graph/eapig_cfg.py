"""The ``cfg`` of EAP-IG's graph files, and the checks that every field of such a file passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import FormatError, ModelError
from edgewise.graph.spec import GraphSpec

__all__ = ["entry", "read_cfg", "section", "write_cfg"]


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


def section(d: Any, name: str, where: str = "") -> Mapping[str, Any]:
    """Return a dict inside the file. Raises FormatError when it is missing or not a dict."""
    found: Mapping[str, Any] = entry(d, name, Mapping, where)
    return found


def entry(holder: Any, field: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return one field of a dict after checking what it is.

    Raises:
        FormatError: the holder is not a dict, the field is missing or not of that kind; a bool is no number.
    """
    name = f"{where}.{field}" if where else field
    if not isinstance(holder, Mapping):
        raise FormatError(f"{where or 'the file'} is {type(holder).__name__}, expected a dict")
    if field not in holder:
        raise FormatError(f"{name} is missing")
    value = holder[field]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise FormatError(f"{name} is {value!r:.40}, expected {expected}")
    return value
