"""Pictures of circuits and scores.

`choice` says which edges are drawn, `skeleton`, `ordering`, `spacing` and `layout` where everything stands,
`circuit` and `scores` turn that into a scene of plain shapes, and `svg` and `png` paint a scene. Only `png`
needs matplotlib.
"""
