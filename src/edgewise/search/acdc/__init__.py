"""ACDC: the search, its state, sweeps of it, and what EAP leaves it."""
