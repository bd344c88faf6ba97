"""Contests: several methods on the same prompts, held against one reference. Three questions:

- `roc`: methods against a circuit that is known;
- `league`: every method that scores edges, on several models and tasks, against the exact effects of all edges;
- `comparison`: finished runs of one model beside each other.

`entrants` says how methods are named and what each runs, `play` and `sweep` run them, each in a run folder of its own,
`truth` finds a known circuit; what comes out is a typed result, stored as one JSON document.
"""
