"""Runs: a frozen config in, a folder of results out; atomic, resumable, one writer at a time.

`config` says what to do, `discover` does it, `folder` and `record` read it back, `files` reads and writes
single files of circuits and scores. This is the only room that writes results.
"""
