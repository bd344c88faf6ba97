"""Values as a notebook shows them: one file a kind, named in `edgewise.notebook`."""
