"""Decoding a file made before, here or elsewhere."""

from demo.decode.tab import decode_tab

__all__ = ["decode_tab"]
