"""Bits of relative entropy coders over the ideal: on random weights and on those of images."""
