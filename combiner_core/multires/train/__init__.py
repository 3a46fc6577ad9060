"""Learning the priors of multires fields by stochastic gradients."""
