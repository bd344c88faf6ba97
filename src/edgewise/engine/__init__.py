"""The only room that hooks a model: capture, gradients at destinations, runs with edges patched."""

from __future__ import annotations
