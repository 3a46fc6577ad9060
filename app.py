"""The app: `python app.py` serves the demo page on this machine."""

from __future__ import annotations

import os
import sys

from combiner_core import CombinerError
from combiner_core.process import calm_threads
from demo import settings


def main() -> None:
    """Serve the page until interrupted; see `demo.settings` for the options."""
    calm_threads()
    from demo.server import serve  # Imports torch, which must find the threads' settings.

    try:
        serve(settings.read(None, os.environ))
    except CombinerError as error:
        sys.exit(f"app.py: {error}")


if __name__ == "__main__":
    main()
