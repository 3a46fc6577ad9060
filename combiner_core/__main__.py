"""Entry point of `python -m combiner_core`, the same as the script `combiner`."""

import sys

from combiner_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
