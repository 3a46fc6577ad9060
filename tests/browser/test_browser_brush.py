"""The brush: what is painted before a picture is compressed decides where its bits go."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from browser_tools import JOB_MS, download, drop, state, upload
from media_files import video_bytes
from playwright.sync_api import Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser

BYTES = 2000


@pytest.fixture
def wide(photo: cc.Signal) -> cc.Signal:
    """Two halves that are the same."""
    return cc.Signal.image(np.tile(photo.values, (1, 2, 1)))


def test_bits_go_where_it_was_painted(page: Page, wide: cc.Signal, tmp_path: Path) -> None:
    cc.save(wide, tmp_path / "wide.png")
    page.locator("#image-paint").get_by_role("button", name="Paint where").click()
    brush = page.locator("#image-brush")
    expect(brush).to_contain_text("Choose a picture first")
    upload(page, "image", tmp_path / "wide.png")
    expect(page.locator("#image-note")).to_contain_text("192 × 64 pixels")
    said = brush.get_by_role("status")
    expect(said).to_have_text("Nothing painted: bits go where they help most.")

    brush.get_by_label("Size").fill("12")
    stage = brush.locator(".brush-stage")
    stage.evaluate("stage => stage.scrollIntoView({ block: 'center' })")
    box = stage.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=3)
    page.mouse.up()
    expect(said).to_contain_text("% for more bits, 0 % for fewer")
    # The other half by keyboard: from where the brush is to the right.
    brush.get_by_label("Fewer bits").check()
    stage.focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Space")
    expect(said).to_have_text(re.compile(r"[1-9]\d* % for more bits, [1-9]\d* % for fewer"))

    page.locator("#image-bytes input").fill(str(BYTES))
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-status")).to_contain_text("The bits went where you painted.")
    data = download(page, "image", tmp_path / "wide.cmb")
    assert len(data) <= BYTES
    plain = cc.compress(wide, bytes=BYTES, effort="fast", tune="perceptual", device="cpu")
    assert left_share(wide, data) < 0.8 * left_share(wide, plain)
    brush.get_by_role("button", name="Clear").click()
    expect(said).to_contain_text("Nothing painted")
    page.locator("#image-compress").click()
    expect(page.locator("#image-status")).not_to_contain_text("painted", timeout=JOB_MS)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)


def test_what_was_painted_on_a_video_is_not_for_what_comes_after_it(page: Page) -> None:
    film = video_bytes([(200, 30, 20)] * 5)
    page.locator("#image-paint").get_by_role("button", name="Paint where").click()
    drop(page, "image", ("first.mp4", "video/mp4", film))
    page.wait_for_function("combiner.painting.columns > 0")
    page.locator("#image-brush .brush-stage").click()
    expect(page.locator("#image-brush").get_by_role("status")).to_contain_text("% for more bits")
    # The server has not looked into it yet.
    page.locator("#image-examples button").first.click()
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-status")).not_to_contain_text("painted")


def left_share(original: cc.Signal, data: bytes) -> float:
    """Of the squared errors."""
    decoded = cc.decode(data, device="cpu", detail=0)
    errors = (decoded.values.astype(float) - original.values) ** 2
    return float(errors[:, : errors.shape[1] // 2].sum() / errors.sum())
