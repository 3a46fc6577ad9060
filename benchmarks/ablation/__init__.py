"""Codecs with one part changed: what is measured, and tables of it."""
