"""What a setting is, and every group of settings that the verbs share.

A setting is one field of a frozen dataclass, described where it stands (`setting`): its type, default, range, unit and
help. The command line's options, the checks, the JSON of a config, the command of the same run again and the table of
the documentation all follow from that line. Nothing here imports torch, so that help comes at once.
"""

from __future__ import annotations

from edgewise.settings.described import Described, changed, described
from edgewise.settings.read import NoSettings, read_settings, settings_json
from edgewise.settings.setting import Setting, flag, setting

__all__ = [
    "Described",
    "NoSettings",
    "Setting",
    "changed",
    "described",
    "flag",
    "read_settings",
    "setting",
    "settings_json",
]
