"""The app: `python app.py` serves the demo page on this machine."""

from __future__ import annotations

import os
import sys

from combiner_core import CombinerError
from combiner_core.process import calm_threads
from demo import settings
from demo.workers import load_early


def main() -> None:
    """Serve the page until interrupted; see `demo.settings` for the options."""
    chosen = settings.read(None, os.environ)
    calm_threads()  # Before torch is imported, here or in the workers.
    load_early()
    try:
        from demo.server import serve  # Takes seconds, in which the workers load theirs.

        serve(chosen)
    except CombinerError as error:
        sys.exit(f"app.py: {error}")
    except KeyboardInterrupt:  # Before the page was there.
        sys.exit(130)


if __name__ == "__main__":
    main()
