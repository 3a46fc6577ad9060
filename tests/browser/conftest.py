"""Fixtures of the browser tests: a browser, an app, its page."""

from browser_tools import app_url, browser, page

__all__ = ["app_url", "browser", "page"]
