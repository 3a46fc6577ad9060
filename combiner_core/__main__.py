"""Entry point of `python -m combiner_core`."""

import sys

from combiner_core.cli import main

sys.exit(main())
