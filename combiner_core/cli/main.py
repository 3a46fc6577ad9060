"""Running one command, and what becomes of its errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from combiner_core.cli import output
from combiner_core.cli.arguments import PROGRAM, parse
from combiner_core.errors import CombinerError
from combiner_core.process import calm_threads, is_lack_of_memory, keep_freed_memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line, by default those of the process.

    Returns:
        0, or 1 with one sentence on standard error; 3 of a batch that is done but for files that
        could not be. Bad usage exits with 2.
    """
    calm_threads()
    try:
        try:
            parsed = parse(sys.argv[1:] if arguments is None else arguments)
            keep_freed_memory()
            return parsed.run(parsed) or 0
        finally:
            output.flush()  # of help and version, too, with which the parser exits
    except CombinerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped.", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        print(f"{PROGRAM}: There is not enough memory for this.", file=sys.stderr)
        return 1
