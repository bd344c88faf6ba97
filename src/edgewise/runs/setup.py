"""What every run needs before its work: the model and the prompts that a config names, loaded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from edgewise import processes
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.memory import shares
from edgewise.errors import RunConflictError
from edgewise.graph import Graph
from edgewise.models import Model, Opened, open_model
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import changed, given_digests, model_identity
from edgewise.runs.model_answers import selected
from edgewise.runs.prompts import prompts_of, require_data
from edgewise.runs.shown_prompts import ShownPrompts
from edgewise.runs.steps import Steps
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.record import PromptSummary, versions
from edgewise.settings import described
from edgewise.settings.model import ModelSettings
from edgewise.tasks import PromptSet


@dataclass(frozen=True, eq=False)
class Setup:
    """A config's model and prompts.

    Args:
        config: what was asked for.
        model: loaded.
        prompts: made or read, and checked.
        identity: fingerprints of the model's files, of its config file and of the data file.
    """

    config: RunConfig
    model: Model
    prompts: PromptSet
    identity: dict[str, str | None]

    @property
    def graph(self) -> Graph:
        """The model's graph, with edges kept apart by place where the prompts are."""
        return graph_for(self.model, self.prompts)

    @property
    def key(self) -> dict[str, Any]:
        """What an unfinished run must share to be continued: all but which edges are kept in the end."""
        return {
            "config": to_json(self.config.scored),
            "identity": dict(self.identity),
            "prompts": self.prompts.fingerprint(),
            "versions": versions(),
        }


def prepare(
    config: RunConfig,
    expected: Mapping[str, str | None] | None,
    steps: Steps,
    check: Callable[[Model, PromptSet], None] = lambda model, prompts: None,
    read: Callable[[PromptSet], None] = lambda prompts: None,
    opened_with: Callable[[Opened, PromptSet], None] = lambda opened, prompts: None,
) -> Setup:
    """Make or read the prompts of a config, and load the model: its weights last, which a mistake need not wait for.

    Args:
        config: what is asked for.
        expected: the fingerprints that its files must have, those of a run that is gone on from; None for any.
        steps: told what is being done.
        check: called with the model once it is loaded, and the prompts.
        read: called with the prompts before that.
        opened_with: called after that, with the model before its weights are read.

    Raises:
        RunConflictError: the model that was loaded, or the data, are not those expected.
        ProcessError: another of the processes that work together has other ones.
        EdgewiseError: anything wrong with the model or the prompts.
    """
    given = given_digests(config)
    require_data(config)
    with steps.step("model", f"reading the config and the tokenizer of {config.model}"):
        opened = opened_model(config)
    with steps.step("prompts", "preparing prompts"):
        prompts = prompts_of(config, opened.reader)
        read(prompts)
        opened_with(opened, prompts)
    with steps.step("model", f"loading {config.model}"):
        model = opened.load()
    check(model, prompts)
    with steps.step("prompts", "selecting prompts"):
        prompts = selected(config, model, prompts)
    # Taken once the model is there: a hub model may have been fetched, or fetched anew, by loading it.
    with steps.step("files", "reading the model's files again, for their fingerprints"):
        found = given | model_identity(config)
    other = changed(expected or {}, found)
    if other:
        raise RunConflictError(
            f"model {config.model}: {'; '.join(other)} while the command ran; start the same command again"
        )
    setup = Setup(config, model, prompts, found)
    if processes.size() > 1:
        processes.require_alike(setup.key)
    return setup


def opened_model(config: RunConfig, *, weights: bool = True) -> Opened:
    """The model of a config, its weights not read yet; arguments and errors are those of `open_model`."""
    asked = {one.name: getattr(config, one.name) for one in described(ModelSettings)}
    return open_model(asked.pop("model"), **asked, weights=weights)


def describe_model(model: Model) -> dict[str, Any]:
    """Return what a record says of a model."""
    return {
        "architecture": model.architecture,
        "attention": getattr(model.config, "_attn_implementation", None),
        "graph": asdict(model.graph.spec),
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": ", ".join(map(str, shares(model))),
        "threads": torch.get_num_threads(),
    }


def describe_prompts(prompts: PromptSet, shown: ShownPrompts) -> PromptSummary:
    """Return what a record says of prompts."""
    fingerprint, info = prompts.fingerprint(), dict(prompts.info)
    return PromptSummary(prompts.name, len(prompts), prompts.dropped, prompts.bos, fingerprint, info, shown)
