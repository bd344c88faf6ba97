"""How good circuits and scores are.

`measures`, `agreement` and what these rest on are pure functions of numbers; the other files make those numbers for a
circuit: which circuits are run (`circuits`, `ladder`), what patched edges carry (`ablation`), and the table that is
filled (`work`, `evaluate`).
"""
