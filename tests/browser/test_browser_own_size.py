"""A size of one's own: any number that is typed, and when."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_tools import JOB_MS, state, upload
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def measured(page: Page, photo_file: Path) -> Page:
    """The page with a picture that is known."""
    upload(page, "image", photo_file)
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    return page


@pytest.mark.parametrize("number", ["0", "-5"])
def test_a_number_that_is_no_size_is_refused_and_a_purpose_goes_on(
    number: str, measured: Page
) -> None:
    page = measured
    page.locator("#image-bytes input").fill(number)
    expect(page.locator("#image-note")).to_contain_text(
        "No file has so few bytes. The least useful size is 64 bytes."
    )
    page.locator("#image-compress").click()
    expect(state(page, "image", "failed")).to_contain_text(
        f"A budget of {number} bytes is not a positive number."
    )
    page.locator("#image-purpose").get_by_label("Archive").check()
    expect(page.locator("#image-note")).to_contain_text("1,152 bytes")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)


def test_what_is_typed_while_an_answer_is_on_its_way_stays(measured: Page) -> None:
    page, held = measured, list[Route]()
    size = page.locator("#image-bytes input")
    expect(size).to_have_value("384")
    page.route("**/gradio_api/run/**", lambda route: held.append(route))
    with page.expect_request("**/gradio_api/run/**"):
        page.locator("#image-purpose").get_by_label("Archive").check()
    size.fill("777")
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/run/**")
    expect(page.locator("#image-note")).to_contain_text("at most 777 bytes")
    page.wait_for_timeout(500)  # For an answer that comes too late.
    expect(size).to_have_value("777")
    expect(page.locator("#image-purpose").get_by_label("My own size")).to_be_checked()
