"""Measurements of the codec: their results, what others published, and figures of both."""
