"""Where an installation keeps its trained models."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "presets_data"
_IN_CHECKOUT = _PACKAGE.parent / "assets" / "presets"


def presets_directory() -> Path:
    """The folder of the presets that came with the package, or of the checkout it lies in."""
    return _INSTALLED if _INSTALLED.is_dir() else _IN_CHECKOUT
