"""Random fields: functions from coordinates to values whose weights carry the signal."""

from combiner_core.fields.siren import Siren, SirenConfig

__all__ = ["Siren", "SirenConfig"]
