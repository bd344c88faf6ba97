"""Folders of runs: locks, atomic files, what was begun, what is finished, and what it says."""
