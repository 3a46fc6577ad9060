"""Many files in one run: from folders, patterns and manifests to a folder, on any executor.

What is done is written down, so that a run that was cut off goes on where it was.
"""

from combiner_core.batch.results import Row
from combiner_core.batch.run import Batch, Folder
from combiner_core.batch.settings import DecodeSettings, EncodeSettings
from combiner_core.batch.sources import Entry, Shard, Sources

__all__ = [
    "Batch",
    "DecodeSettings",
    "EncodeSettings",
    "Entry",
    "Folder",
    "Row",
    "Shard",
    "Sources",
]
