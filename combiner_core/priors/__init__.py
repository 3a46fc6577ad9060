"""Learned priors over the weights of a field."""

from combiner_core.priors.factorised import FactorisedPrior

__all__ = ["FactorisedPrior"]
