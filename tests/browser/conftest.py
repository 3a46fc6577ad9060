"""Fixtures of the browser tests: a browser, an app, its page, a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_tools import app_url, browser, page

import combiner_core as cc

__all__ = ["app_url", "browser", "page"]


@pytest.fixture
def photo_file(photo: cc.Signal, tmp_path: Path) -> Path:
    """A small picture."""
    cc.save(photo, tmp_path / "photo.png")
    return tmp_path / "photo.png"
