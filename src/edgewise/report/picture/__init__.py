"""Pictures of circuits.

`choice` says which edges are drawn, `skeleton`, `ordering`, `spacing` and `layout` where everything stands,
`circuit` turns that into a scene of plain shapes, and `svg` and `png` paint a scene. Charts have a room of their own,
`charts`, and take their colours from `palette`.
"""
