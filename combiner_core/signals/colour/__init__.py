"""Colour: what the numbers of a picture mean, and the way from there to sRGB."""
