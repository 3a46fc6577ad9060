"""The command line: `combiner encode | decode | info | models | train`.

Commands import what they need when they run: `--help` and `info` never wait for torch.
"""

from combiner_core.cli.main import main

__all__ = ["main"]
