"""Constants of the format that priors and coders share: changed apart, files would decode to noise.

All arithmetic that decides how bits are read is in these units.
"""

from __future__ import annotations

# weights and the means of their priors are multiples of 1/16 of the noise scale
VALUE_UNITS = 16
# log2 of a prior variance, in units of the squared noise scale, is a multiple of 1/8
LOG_VARIANCE_UNITS = 8
MIN_LOG_VARIANCE, MAX_LOG_VARIANCE = -128, 256
# expected information is counted in 1/1024 bit, prior standard deviations in 1/4096 noise scale
RATE_UNITS = 1024
DEVIATION_UNITS = 4096
# candidates are multiples of 1/4096 of a prior standard deviation, 2^16 of them in a column
CANDIDATE_UNITS = 4096
COLUMN_BITS = 16
# log-variances from which on weights are coded, those of 0.39 bits or more; and the first of at
# least 4 bits, which are quantised one by one
FIRST_ACTIVE, FIRST_SCALAR = -4, 64
# the log-variance that weights have at least where all are scalar-quantised
MIN_SCALAR = -32
