"""What every run needs before its work: the model and the prompts that a config names, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from edgewise.models import Model, load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.identity import model_digest
from edgewise.runs.prompts import prompts_of
from edgewise.runs.record import PromptSummary, versions
from edgewise.runs.steps import Steps
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
    def key(self) -> dict[str, Any]:
        """What an unfinished run must share to be continued."""
        return {
            "config": self.config.to_json(),
            "identity": dict(self.identity),
            "prompts": self.prompts.fingerprint(),
            "versions": versions(),
        }


def prepare(
    config: RunConfig,
    identity: dict[str, str | None],
    steps: Steps,
    check: Callable[[Model], None] = lambda model: None,
) -> Setup:
    """Load the model and the prompts of a config.

    Args:
        config: what is asked for.
        identity: the fingerprints known so far, see `identity`.
        steps: told what is being done.
        check: called with the model before the prompts are made.

    Raises:
        EdgewiseError: anything wrong with the model or the prompts.
    """
    with steps.step("model", f"loading {config.model}"):
        asked = {one.name: getattr(config, one.name) for one in described(ModelSettings)}
        model = load_model(asked.pop("model"), **asked)
    check(model)
    with steps.step("prompts", "preparing prompts"):
        prompts = prompts_of(config, model)
    # A hub model that had to be fetched is in the local cache only now.
    found = identity | {"model": identity["model"] or model_digest(config.model)}
    return Setup(config, model, prompts, found)


def describe_model(model: Model) -> dict[str, Any]:
    """Return what a record says of a model."""
    return {
        "architecture": model.architecture,
        "attention": getattr(model.config, "_attn_implementation", None),
        "graph": asdict(model.graph.spec),
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
    }


def describe_prompts(prompts: PromptSet) -> PromptSummary:
    """Return what a record says of prompts."""
    fingerprint = prompts.fingerprint()
    return PromptSummary(prompts.name, len(prompts), prompts.dropped, prompts.bos, fingerprint, dict(prompts.info))
