"""What edgewise does, as functions: each is a verb of the command line, by the same names and with the same defaults.

A keyword is its option without the dashes: ``--hold-out`` is ``hold_out``, ``--no-evaluate`` is ``evaluate=False``. The
signatures are written out, so that editors complete them; a test holds them against the settings.
"""
