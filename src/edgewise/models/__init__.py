"""Hugging Face models and where they read and write the residual stream."""

from __future__ import annotations

from edgewise.models.load import load_model
from edgewise.models.model import Model
from edgewise.models.reader import Opened, Reader
from edgewise.models.recognise import wire
from edgewise.models.stored import open_model
from edgewise.models.wiring import Wiring

__all__ = ["Model", "Opened", "Reader", "Wiring", "load_model", "open_model", "wire"]
