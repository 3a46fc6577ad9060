"""The former name of `process`, for programs that call `keep_freed_memory` by it."""

from combiner_core.process import keep_freed_memory

__all__ = ["keep_freed_memory"]
