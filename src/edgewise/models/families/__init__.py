"""One file a family of models: how its modules map to a ``Wiring``."""
