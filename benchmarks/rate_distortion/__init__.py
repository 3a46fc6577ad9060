"""Rate and distortion: what is measured, means, Bjøntegaard deltas, and files one by one."""
