"""A checkpoint's files -> a `Model`, its config and tokenizer first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedConfig

from edgewise.errors import FormatError, ModelError
from edgewise.graph import Circuit, Graph
from edgewise.graph.hook_edges import circuit_of_hooks
from edgewise.models.lens.config import LensConfig
from edgewise.models.lens.dialects import read_config
from edgewise.models.lens.module import LensTransformer
from edgewise.models.lens.pickled import read_pickle
from edgewise.models.lens.sources import Source
from edgewise.models.lens.weights import module_state
from edgewise.models.lens.wiring import wire_lens
from edgewise.models.model import Model
from edgewise.models.pretrained.tokenizer import read_tokenizer
from edgewise.models.reader import Opened, Reader
from edgewise.models.weight_file import read_tensors


def open_lens(
    name: str,
    source: Source,
    *,
    dtype: torch.dtype,
    device: torch.device,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    kv_heads: str = "native",
) -> Opened:
    """Read the config and the tokenizer of a checkpoint in TransformerLens's format.

    Args:
        name: what the user called it.
        source: its files.
        dtype: floating-point type of its weights.
        device: where it runs.
        tokenizer: the user's; by default that beside the weights, else the one its config names.
        ignore_config: config keys that are not understood but that the user vouches for.
        kv_heads: ``"native"``, or ``"query"`` for a key and a value of every query head.

    Raises:
        ModelError: files that cannot be read, or, in loading, a config and weights that do not fit each other.
        UnsupportedModelError: a config key or value that is not understood.
    """
    config = read_config(source.values, source.where, source.values if source.published else ignore_config)
    reader = Reader(name, config, tokenizer or _tokenizer(name, source, config), config.prepend_bos)

    def load() -> Model:
        state = module_state(config, read_tensors(source.weights), str(source.weights))
        with torch.device("meta"):
            module = LensTransformer(config)
        module.load_state_dict({key: tensor.to(dtype) for key, tensor in state.items()}, assign=True)
        module = module.eval().to(device)
        wiring = wire_lens(module, kv_heads)
        return Model(name, wiring, reader.tokenizer, bos=reader.bos, circuit=_circuit(source, Graph(wiring.spec)))

    def outline(layers: int | None) -> Model:
        with torch.device("meta"):
            module = LensTransformer(config if layers is None else replace(config, n_layers=layers))
        wiring = wire_lens(module.eval().to(dtype), kv_heads)
        circuit = _circuit(source, Graph(wiring.spec)) if layers is None else None
        return Model(name, wiring, reader.tokenizer, bos=reader.bos, circuit=circuit)

    return Opened(reader, load, outline)


def _circuit(source: Source, graph: Graph) -> Circuit | None:
    """The edges that the model is made of, where they are known."""
    if source.circuit is None:
        return None
    try:
        return circuit_of_hooks(read_pickle(source.circuit), graph)
    except FormatError as error:
        raise ModelError(f"circuit {str(source.circuit)!r}: {error}") from error


def _tokenizer(name: str, source: Source, config: LensConfig) -> Any | None:
    """The tokenizer beside the weights, else the one the config names, else None: data may be token ids."""
    if source.has_tokenizer:
        # An empty config, so that it does not take config.json for one of Hugging Face's.
        return read_tokenizer(name, str(source.folder), config=PreTrainedConfig())
    return read_tokenizer(name, config.tokenizer_name) if config.tokenizer_name else None
