"""The exceptions that a user of the engine can meet: one base class, one sentence each."""

from __future__ import annotations


class CombinerError(Exception):
    """Base of every error the engine raises on purpose; its text is one sentence for people."""


class SignalError(CombinerError):
    """The input is not an image or a clip that can be read, coded or written."""


class BudgetError(CombinerError):
    """The bit budget is below the header, or above what the model can use."""


class PresetError(CombinerError):
    """A trained model is unknown, missing or damaged."""


class BitstreamError(CombinerError):
    """The bytes are not a `.cmb` file that this version and these presets can decode."""
