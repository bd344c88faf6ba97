"""A model that is given to a verb in the place of a name, or for a run whose model was in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from edgewise.errors import RunConflictError, RunError, SettingError
from edgewise.models import Model, in_memory, load_model, wire
from edgewise.models.adapted import within
from edgewise.runs.config import RunConfig
from edgewise.runs.store.folder import load_run
from edgewise.runs.store.neurons import holds_neurons, load_neuron_run
from edgewise.settings.device import AUTO
from edgewise.settings.memory_names import is_of_memory

ModelGiven = str | Path | nn.Module | Model
_ITS_OWN = ("dtype", "device")


def name_model(given: dict[str, Any], tokenizer: Any | None) -> None:
    """Put its name in the place of a model in memory, and its own dtype and device beside it.

    Args:
        given: settings by their fields.
        tokenizer: that of the model.

    Raises:
        SettingError: no model at all, a tokenizer for a named model, one without weights, or a dtype or device that is
            another than its own.
        ModelError: weights that are not in memory.
    """
    model = given.get("model")
    if model is None or isinstance(model, str):
        if tokenizer is not None:
            raise SettingError("tokenizer goes with a model in memory; a named model brings its own, so leave it out")
        return
    if not isinstance(model, nn.Module | Model):
        raise SettingError(f"model is {type(model).__name__}; give a name, a folder, or a loaded model")
    weight = next(within(model.module if isinstance(model, Model) else model).parameters(), None)
    if weight is None:
        raise SettingError(f"model is a {type(model).__name__} without weights; give a loaded language model")
    own = {"dtype": str(weight.dtype).removeprefix("torch."), "device": str(weight.device)}
    for name in _ITS_OWN:
        if given.get(name, AUTO) not in (AUTO, own[name]):
            raise SettingError(
                f"{name} is {given[name]!r}, and the model in memory has {own[name]}; leave {name} out, or call"
                " model.to(...) yourself"
            )
    if tokenizer is not None and not callable(tokenizer):
        raise SettingError(
            f"tokenizer is {type(tokenizer).__name__}; give the loaded one, such as AutoTokenizer.from_pretrained(NAME)"
        )
    if isinstance(model, Model) and _by_query_head(model, given.get("ignore_config", ())):
        given["kv_heads"] = "query"
    given |= own | {"model": in_memory.hold(model, tokenizer)}


def _by_query_head(model: Model, ignore_config: Collection[str]) -> bool:
    """Whether a model was loaded with a key and a value of every query head."""
    return wire(within(model.module), ignore_config).spec != model.graph.spec


@contextmanager
def model_of_runs(folders: Sequence[Path], given: dict[str, Any]) -> Iterator[None]:
    """Within, runs whose model was in memory have it: that which is given, or what is stored under a name that is.

    Args:
        folders: of the runs.
        given: settings by their fields; the model is taken out.

    Raises:
        RunError: a model for a run that names its own.
        RunConflictError: a model of another config or other weights.
        ModelError: no such model.
    """
    model = given.pop("model", None)
    if model is None:
        yield
        return
    configs = {folder: _config(folder) for folder in folders}
    for folder, config in configs.items():
        if not is_of_memory(config.model):
            raise RunError(f"{folder}: a run names its own model; leave --model out, or give --circuit FILE")
    name = model if is_of_memory(model) else _loaded(model, next(iter(configs.values())))
    for one in _ITS_OWN if name == model else ():
        given.pop(one, None)
    stood: list[str] = []
    try:
        for folder, config in configs.items():
            if not in_memory.is_same(config.model, name):
                raise RunConflictError(
                    f"{folder}: its model '{config.model}' was in memory, and {model!r} has another class, another"
                    " config or other weights; give that model"
                )
            if not in_memory.parts(config.model):
                in_memory.stand_in(config.model, name)
                stood.append(config.model)
        yield
    finally:
        for one in stood if name == model else (*stood, name):
            in_memory.let_go(one)


def _config(folder: Path) -> RunConfig:
    return load_neuron_run(folder).config if holds_neurons(folder) else load_run(folder).config


def _loaded(model: str, config: RunConfig) -> str:
    """Load a model by name as that of a run was in memory."""
    found = load_model(model, dtype=config.dtype, device=config.device, trust_remote_code=config.trust_remote_code)
    return in_memory.hold(found, kept=True)
