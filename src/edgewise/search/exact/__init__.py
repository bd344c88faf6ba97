"""Exact effects: of every edge, of those named, and of those whose estimates matter most."""
