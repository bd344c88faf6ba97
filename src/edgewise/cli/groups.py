"""The groups of settings that verbs share."""

from __future__ import annotations

from edgewise.cli.options import group, method_settings
from edgewise.settings.conditions import BatchSettings, MemorySettings, ProcessSettings
from edgewise.settings.evaluation import EvaluationRequest, MeasureSettings
from edgewise.settings.model import ModelSettings
from edgewise.settings.prompts import PromptSettings
from edgewise.settings.scoring import ScoreSettings
from edgewise.settings.selection import Selection

MODEL = group(ModelSettings)
# How models are loaded and run, where they are named elsewhere or are several.
MACHINE = MODEL.without("model", "config", "gguf_file", "adapter")
# Of a run whose model was in memory, the name under which it is stored.
MODEL_OF_RUN = MODEL.only("model", "trust_remote_code").default(model="that of the run; to name where it was in memory")
PROMPTS = group(PromptSettings)
SCORES = group(ScoreSettings)
# Its code is run only where it is named with the command, also that of a run.
METRIC_OF_RUN = SCORES.only("metric").default(metric="that of the run; one of a file is named again")
CIRCUIT = group(Selection)
MEASURE = group(MeasureSettings)
BATCH = group(BatchSettings)
MEMORY = group(MemorySettings)
# The launcher reads it before a verb is called.
PROCESSES = group(ProcessSettings)
# The seed of what is drawn is that of the prompts.
NUMBERS = group(EvaluationRequest).without("seed")
METHOD_SETTINGS = method_settings()
