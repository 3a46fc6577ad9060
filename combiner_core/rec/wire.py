"""Constants of the format that priors and coders share: changed apart, files would decode to noise.

All arithmetic that decides how bits are read is in these units.
"""

from __future__ import annotations

# weights and the means of their priors are multiples of 1/16 of the noise scale
VALUE_UNITS = 16
# log2 of a prior variance, in units of the squared noise scale, is a multiple of 1/16
LOG_VARIANCE_UNITS = 16
MIN_LOG_VARIANCE, MAX_LOG_VARIANCE = -256, 384
# the noise scale of a weight of its own is the common one times 2^(k/4)
NOISE_UNITS = 4
MAX_NOISE_STEPS = 32
# prior standard deviations are counted in 1/4096 noise scale
DEVIATION_UNITS = 4096
# candidates are multiples of 1/4096 of a prior standard deviation, 2^16 of them in a column
CANDIDATE_UNITS = 4096
COLUMN_BITS = 16
