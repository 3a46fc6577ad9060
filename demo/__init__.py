"""The demo page over the engine: compress an image or a clip, watch it happen, decode a file."""

from pathlib import Path

# What is not code lies beside the package: examples, results, the version.
ROOT = Path(__file__).resolve().parent.parent
