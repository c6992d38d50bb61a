"""What tests in a browser share."""

from collections.abc import Callable

from playwright.sync_api import Page

OpenPage = Callable[..., Page]
"""The fixture `open_page`: opens an address; further arguments are those of `Browser.new_context`."""
