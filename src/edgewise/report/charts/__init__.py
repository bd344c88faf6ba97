"""Charts, by matplotlib: scores, ROC, cost against quality, comparisons, and what figures of the paper are made of.

A chart's file says what is drawn; `style` has its fonts, sizes and colours, `chart` lays it out below its heading, and
`svg` and `png` paint it. Colours are those of `picture.palette`, by name, so that every chart is light or dark.
matplotlib is loaded when a chart is painted, never before.
"""
