"""Several files at once: all are compressed, looked at one by one, and downloaded together."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from browser_tools import (
    JOB_MS,
    download,
    drop,
    expect_sentence,
    fact,
    nameless,
    refusal,
    shown_pixels,
    state,
)
from playwright.sync_api import Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser


# What the bars are called that the status shows.
WATCH = """() => {
  window.bars = [];
  const look = () => {
    const label = document.querySelector("#image-status progress")?.ariaLabel;
    if (label && label !== bars.at(-1)) bars.push(label);
  };
  const all = { attributes: true, childList: true, subtree: true };
  new MutationObserver(look).observe(document.querySelector("#image-status"), all);
}"""


def test_several_pictures_are_compressed_and_downloaded(
    page: Page, photo: cc.Signal, tmp_path: Path
) -> None:
    files = [("bad.png", "image/png", b"no picture")]
    page.evaluate(WATCH)
    for index, name in enumerate(("one.png", "two.png", "two.png")):
        cc.save(cc.Signal.image(np.roll(photo.values, 8 * index, 1)), tmp_path / name)
        files.append((name, "image/png", (tmp_path / name).read_bytes()))
    drop(page, "image", *files, ("worse.png", "image/png", b""))
    listed = page.locator("#image-list")
    expect(listed).to_contain_text("3 of 5 pictures chosen")
    expect(listed.locator("tr", has_text="bad.png")).to_contain_text("cannot be read")
    expect(listed.locator("tr", has_text="worse.png")).to_contain_text("is empty")
    expect_sentence(page, "image", "2 files cannot be used: bad.png, worse.png")
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    page.locator("#image-compress").click()
    expect(listed).to_contain_text("3 of 3 pictures done", timeout=JOB_MS)
    expect(listed.locator("tr[data-state=done]")).to_have_count(3)
    expect(state(page, "image", "done")).to_be_visible()
    expect(refusal(page, "image")).to_have_count(0)
    assert re.search(r"Progress: (one|two)\.png: ", " ".join(page.evaluate("bars")))

    last = listed.locator("tr[data-state=done]").last
    last.get_by_role("button").focus()
    page.keyboard.press("Enter")
    button = last.get_by_role("button", name="two.png")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    expect(fact(page, "image", "psnr")).to_have_text(last.locator("td").last.inner_text())
    assert nameless(page) == 0

    with page.expect_download() as download:
        page.locator("#image-zip").click()
    assert download.value.suggested_filename == "combiner-pictures.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == ["one.cmb", "two.cmb", "two-2.cmb"]
        sizes = {cc.decode(archive.read(name)).values.shape for name in archive.namelist()}
    assert sizes == {photo.values.shape}

    # The list is found again, and one file alone is as simple as ever.
    page.reload()
    expect(listed).to_contain_text("3 of 3 pictures done")
    page.locator("#image-source input[type=file]").set_input_files(tmp_path / "one.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-compress").click()
    expect(listed.locator("tr")).to_have_count(0)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    assert shown_pixels(page, "#image-source").shape[:2] == photo.values.shape[:2]


def test_the_last_of_many_sets_counts(page: Page, photo: cc.Signal, tmp_path: Path) -> None:
    """Others may be dropped before the server has looked into the first ones."""
    cc.save(photo, tmp_path / "one.png")
    content = (tmp_path / "one.png").read_bytes()
    for letter in "abc":
        drop(page, "image", *((f"{letter}{count}.png", "image/png", content) for count in (1, 2)))
    page.locator("#image-compress").click()
    listed = page.locator("#image-list")
    expect(listed).to_contain_text("2 of 2 pictures done", timeout=JOB_MS)
    expect(listed.locator("th[scope=row]")).to_have_text(["c1.png", "c2.png"])


@pytest.mark.parametrize("reached", ["browser", "server"])
def test_one_that_is_chosen_after_several_counts(
    page: Page, photo: cc.Signal, tmp_path: Path, reached: str
) -> None:
    """Those before it may be on their way to the server, or it may be looking into them."""
    cc.save(photo, tmp_path / "one.png")
    content = (tmp_path / "one.png").read_bytes()
    drop(page, "image", *((f"a{count}.png", "image/png", content) for count in (1, 2)))
    if reached == "server":
        page.wait_for_function("combiner.looking.image !== null")
    drop(page, "image", ("alone.png", "image/png", content))
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-list")).to_be_empty()
    download(page, "image", tmp_path / "alone.cmb")
