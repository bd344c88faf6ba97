"""Runs with any edges patched, wholly or by a share."""
