"""Checkpoints in TransformerLens's format, on a small module of our own.

sources       what the user named -> the files
dialects      config.json, in either dialect -> LensConfig, or a refusal
checkpoint    a weights file -> named tensors
weights       named tensors -> the module's parameters, every name and shape checked
module        the transformer itself
wiring        where it reads and writes the residual stream
"""

from __future__ import annotations

from edgewise.models.lens.config import LensConfig
from edgewise.models.lens.module import LensTransformer

__all__ = ["LensConfig", "LensTransformer"]
