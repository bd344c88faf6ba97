"""Runs that begin in the middle of the model, from what the clean run kept."""
