"""The smallest circuit of a ranking that is good enough."""
