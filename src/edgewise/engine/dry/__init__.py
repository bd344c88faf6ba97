"""Runs without numbers: every tensor has its shape and type and no values, and what is done with it is counted."""
