"""Where signals come from, in a real browser: camera, microphone, and the limits on both."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from browser_tools import (
    JOB_MS,
    choose_papers_model,
    drop,
    expect_sentence,
    running_app,
    state,
    upload,
    visit,
)
from media_files import tones, video_bytes
from playwright.sync_api import Browser, Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser


def test_a_picture_is_taken(page: Page) -> None:
    source = page.locator("#image-source")
    source.get_by_label("Capture from camera").click()
    source.get_by_text("Click to Access Webcam").click()
    # a picture taken before the first frame is none
    page.wait_for_function("document.querySelector('#image-source video')?.videoWidth > 0")
    source.get_by_label("capture photo").click()
    expect(page.locator("#image-note")).to_contain_text("pixels: at most")


def test_a_voice_is_recorded_and_compressed(page: Page) -> None:
    page.get_by_role("tab", name="Audio").click()
    source = page.locator("#audio-source")
    source.get_by_label("Record audio").click()
    source.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(2000)
    source.get_by_role("button", name="Stop").click()
    expect(page.locator("#audio-note")).to_contain_text("Hz: at most")
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)


def test_a_picture_of_a_telephone_is_dropped(page: Page, photo: cc.Signal) -> None:
    stream = io.BytesIO()
    pillow_heif.from_pillow(photo.to_pil()).save(stream, quality=90)
    drop(page, "image", ("photo.heic", "", stream.getvalue()))
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    expect(page.locator("#image-seen img")).to_be_visible()  # Which few browsers could show.
    seen, field = (page.locator(f"#image-{name}").bounding_box() for name in ("seen", "source"))
    assert seen is not None
    assert field is not None
    for start, length in (("x", "width"), ("y", "height")):
        assert field[start] <= seen[start]
        assert seen[start] + seen[length] <= field[start] + field[length]
    page.locator("#image-paint").get_by_role("button", name="Paint where").click()
    brush = page.locator("#image-brush img")
    expect(brush).to_be_visible()
    assert brush.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 64]
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)


def test_a_video_is_dropped(page: Page) -> None:
    content = video_bytes([(200, 30, 20)] * 5 + [(20, 30, 200)] * 5, sound=tones("mono"))
    film = ("film.mp4", "video/mp4", content)
    drop(page, "image", film)
    expect(page.locator("#image-note")).to_contain_text("64 × 48 pixels")
    page.locator("#image-frame input").fill("0.7")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-status")).to_contain_text(
        "It is a video: its frame at 0.70 s was used, and its sound left out."
    )
    page.get_by_role("tab", name="Audio").click()
    drop(page, "audio", film)
    expect(page.locator("#audio-note")).to_contain_text("48,000 Hz")
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#audio-status")).to_contain_text("It is a video: its sound was used")


def test_a_file_of_too_many_bytes_is_refused_and_a_full_queue_is_told(
    browser: Browser, photo: cc.Signal, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    cc.save(cc.Signal.image(noise), tmp_path / "noise.png")
    cc.save(photo, tmp_path / "photo.png")
    with (
        running_app(tmp_path, "--max-upload-mb", "0.1", "--queue-length", "0") as (_, url),
        visit(browser, url) as page,
        visit(browser, url) as other,
    ):
        page.locator("#image-source input[type=file]").set_input_files(tmp_path / "noise.png")
        expect_sentence(page, "image", "noise.png is larger than 0.1 MB")
        for each in (page, other):
            upload(each, "image", tmp_path / "photo.png")
            expect(each.locator("#image-note")).to_contain_text("pixels")
        choose_papers_model(page)
        page.locator("#image-effort").get_by_label("best").check()
        page.locator("#image-compress").click()
        expect(state(page, "image", "running")).to_be_visible()
        other.locator("#image-compress").click()
        expect_sentence(other, "image", "The queue is full: try again in a minute")
        expect(other.locator("#image-compress")).to_be_enabled()
