"""How good scores and circuits are: numbers from arrays, without a model."""
