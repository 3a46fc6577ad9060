"""What is measured on: photographs, graphics, speech and music, and how each is judged."""

from benchmarks.datasets.sets import GRAPHICS, KODAK, MUSIC, SETS, SPEECH, DataSet

__all__ = ["GRAPHICS", "KODAK", "MUSIC", "SETS", "SPEECH", "DataSet"]
