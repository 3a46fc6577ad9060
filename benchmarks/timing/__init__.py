"""Time and memory: what is measured, and tables of it."""
