"""The app: `python app.py` serves the demo page on this machine."""

from __future__ import annotations

import os
import sys

from combiner_core import CombinerError
from demo import settings
from demo.server import serve


def main() -> None:
    """Serve the page until interrupted; see `demo.settings` for the options."""
    try:
        serve(settings.read(None, os.environ))
    except CombinerError as error:
        sys.exit(f"app.py: {error}")


if __name__ == "__main__":
    main()
