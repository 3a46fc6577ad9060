"""The app: `python app.py` serves the demo page on this machine."""

from __future__ import annotations

import argparse
import os
from typing import get_args

from combiner_core import CombinerError
from combiner_core.options import DeviceName
from demo.server import serve


def main() -> None:
    """Serve the page until interrupted.

    Every option can also be given in the environment: COMBINER_HOST, COMBINER_PORT and
    COMBINER_DEVICE.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("COMBINER_HOST", "127.0.0.1")
    parser.add_argument("--host", default=default, help="address to listen on")
    default = os.environ.get("COMBINER_PORT", "7860")
    parser.add_argument("--port", type=int, default=default, help="port to listen on")
    default = os.environ.get("COMBINER_DEVICE", "auto")
    parser.add_argument(
        "--device", choices=get_args(DeviceName), default=default, help="where to fit and decode"
    )
    try:
        serve(**vars(parser.parse_args()))
    except CombinerError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
