"""Gradients at destinations, and their products with what sources would change: EAP and its relatives."""
