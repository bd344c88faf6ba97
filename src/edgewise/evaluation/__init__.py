"""How much of a behaviour a circuit keeps, and what that is compared with.

`measures` are pure functions of numbers a prompt; the other files make those numbers: which circuits are run
(`circuits`, `ladder`), what patched edges carry (`ablation`), and the table that is filled (`work`, `evaluate`).
"""
