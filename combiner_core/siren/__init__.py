"""COMBINER as published: a sine network for every signal, its weights coded by REC."""
