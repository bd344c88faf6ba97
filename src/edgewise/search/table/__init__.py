"""Numbers of prompts by targets, filled in any order, resumable."""
