"""Contests as text and as pictures, from their typed results alone."""
