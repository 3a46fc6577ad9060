"""What all workers have from the process that they are forked from: the engine, ready to be used.

Only imported there. Nothing here starts threads, which would not survive.
"""

from __future__ import annotations

import numpy as np

import combiner_core.codec
import combiner_core.multires.audio.manner
import combiner_core.multires.codec
import combiner_core.multires.family
import combiner_core.multires.image.manner
import combiner_core.rec.trellis  # noqa: F401
from combiner_core.rec import small_integers

# The first of all compiled functions makes the compiler ready, which takes longer than they do.
small_integers.to_bytes(np.zeros((1, 1), np.int8))
