"""Learning priors from folders of signals."""
