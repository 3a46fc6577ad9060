"""Measurements of the codec: how they are made, their results, and the tables and figures of both.

The engine and the page are measured from outside: `benchmarks` imports them. One folder a question:

- `rate_distortion`: quality for a size, beside other codecs;
- `timing`: seconds and memory;
- `ablation`: what each part of a codec is worth;
- `rec_overhead`: bits of relative entropy coders over the ideal;
- `detail`: what sampled detail costs, and how it looks;
- `tuning`: what each step of the tune perceptual gains;
- `reliability`: what is left when processes are killed, hostile files, many visitors at once.

Rows that were measured are in `results`, what others published in `published` and `quoted`.
"""
