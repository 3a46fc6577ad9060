"""What the page tells beside runs: a file that is there or of no use, addresses, a server gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_tools import (
    JOB_MS,
    choose_papers_model,
    open_page,
    refusal,
    running_app,
    state,
    upload,
    visit,
)
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def test_a_file_that_is_there_is_told_and_asked_for(page: Page, photo_file: Path) -> None:
    status, attempt = page.locator("#image-status"), page.locator("#image-attempt")
    expect(status).to_contain_text("Choose a picture or an example")
    expect(attempt).to_be_visible()
    upload(page, "image", photo_file)
    expect(status).to_contain_text("Press Compress")
    expect(status).to_contain_text("photo.png")
    expect(attempt).to_be_hidden()
    page.locator("#image-source").get_by_label("Remove Image").click()
    expect(status).to_contain_text("Choose a picture or an example")
    expect(attempt).to_be_visible()
    expect(page.locator("#image-bytes")).to_be_hidden()


def test_a_compressed_file_belongs_to_decode(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "photo.cmb"
    file.write_bytes(b"CMBR" + bytes(60))
    upload(page, "image", file)
    expect(refusal(page, "image")).to_have_text(
        "photo.cmb is compressed already: open it on the tab Decode."
    )


def test_a_result_has_an_address_that_can_be_copied(page: Page, photo_file: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    upload(page, "image", photo_file)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    link = page.locator("#image-link")
    link.get_by_role("button", name="Copy").click()
    expect(link.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert re.search(r"/\?image=[\w-]{16}$", copied)
    assert page.url == copied
    with page.context.new_page() as other:
        open_page(other, copied)
        expect(state(other, "image", "done")).to_be_visible()
    page.locator("#image-compress").click()
    expect(page).not_to_have_url(copied)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page).to_have_url(re.compile(r"\?image="))


def test_charts_drawn_out_of_sight_fit_and_any_share_of_the_file_can_be_typed(page: Page) -> None:
    page.locator("#image-attempt").click()
    page.get_by_role("tab", name="Audio").click()
    page.wait_for_timeout(8000)
    page.get_by_role("tab", name="Image").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    chip = page.locator("#image-compare [data-chip=right]")
    for typed, taken in (("0", "1"), ("20", "20"), ("500", "100")):
        page.locator("#image-percent input[type=number]").fill(typed)
        page.locator("#image-percent input[type=number]").blur()
        expect(chip).to_contain_text("COMBINER" if taken == "100" else f"First {taken} %")
    expect(page.locator(".toast-body")).to_have_count(0)
    expect(page.locator("#image-shown")).to_be_hidden()
    box = page.locator("#image-bits")
    drawn = box.locator(".main-svg").first.evaluate("svg => svg.getBoundingClientRect().width")
    assert drawn <= box.evaluate("box => box.clientWidth") + 1


def test_a_run_that_was_stopped_can_be_asked_for_again_after_a_reload(
    page: Page, photo_file: Path
) -> None:
    choose_papers_model(page)
    upload(page, "image", photo_file)
    page.locator("#image-compress").click()
    expect(state(page, "image", "running")).to_be_visible(timeout=JOB_MS)
    page.locator("#image-stop").click()
    expect(state(page, "image", "stopped")).to_contain_text("There is no file.")
    open_page(page, page.url)
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    page.locator("#image-advanced").get_by_role("button", name="Advanced").click()
    expect(page.locator("#image-model").get_by_label("COMBINER, the paper's")).to_be_checked()


def test_a_server_that_is_gone_is_told_until_there_is_one(browser: Browser, tmp_path: Path) -> None:
    with running_app(tmp_path) as (process, url), visit(browser, url) as page:
        page.locator("#image-examples button").first.click()
        expect(page.locator("#image-note")).to_contain_text("677 kB")
        process.kill()
        process.wait()
        page.locator("#image-compress").click()
        lost = page.locator("#image-status .status-lost")
        expect(lost).to_contain_text("The server does not answer")
        expect(page.locator(".toast-body:visible")).to_have_count(0)
        expect(page.locator("#image-status .status")).to_be_hidden()
        with running_app(tmp_path, port=int(url.rpartition(":")[2])):
            expect(lost).to_have_count(0)
            page.locator("#image-attempt").click()
            expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
