"""The app as users meet it: a fresh process, the real engine, a real browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile as sf
from browser_tools import (
    JOB_MS,
    PHONE,
    ROOT,
    START_S,
    choose_papers_model,
    download,
    expect_sentence,
    fact,
    linked_bytes,
    open_page,
    refusal,
    running_app,
    state,
    upload,
    visit,
)
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser

# Far less than the run would still take, and much more than a person waits on a quiet machine.
STOP_S = 20.0
TRIES = 2


# From the click itself to what is seen: the time that a person waits.
TIME_TO_STOP = """() => {
  window.secondsToStop = new Promise((resolve) => {
    document.querySelector("#image-stop").addEventListener("click", () => {
      const start = performance.now();
      const look = () => document.querySelector("#image-status [data-state=stopped]")
        ? resolve((performance.now() - start) / 1000) : setTimeout(look, 10);
      look();
    }, { once: true });
  });
}"""


@pytest.fixture
def large_file(photo: cc.Signal, tmp_path: Path) -> Path:
    """Picture of 384 x 256 pixels."""
    cc.save(cc.Signal.image(np.tile(photo.values, (4, 4, 1))), tmp_path / "large.png")
    return tmp_path / "large.png"


def test_image_is_compressed_compared_and_downloaded_and_fits_a_phone(
    page: Page, photo: cc.Signal, photo_file: Path, tmp_path: Path
) -> None:
    upload(page, "image", photo_file)
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels: at most 384 bytes")
    page.locator("#image-bytes input").fill("900")
    expect(page.locator("#image-note")).to_contain_text("at most 900 bytes, 1.172 bpp")
    expect(page.locator("#image-purpose").get_by_label("My own size")).to_be_checked()
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)

    data = download(page, "image", tmp_path / "photo.cmb")
    decoded = cc.decode(data, device="cpu")
    assert len(data) <= 900
    expect(fact(page, "image", "size")).to_have_text(f"{len(data):,} bytes")
    expect(fact(page, "image", "psnr")).to_have_text(f"{cc.psnr_db(photo, decoded):.2f} dB")
    picture = download(page, "image", tmp_path / "photo-decoded.png", "download-decoded")
    assert np.array_equal(np.asarray(Image.open(BytesIO(picture))), decoded.values)

    rows = page.locator("#image-table tr[data-codec]")
    expect(rows).to_have_count(6)
    expect(page.locator("#image-table")).not_to_contain_text("computing", timeout=JOB_MS)
    # What few want to know stands apart.
    expect(page.locator("#image-status")).not_to_contain_text(re.compile("model|bpp", re.I))
    page.locator("#image-link summary").click()
    expect(page.locator("#image-link")).to_contain_text("bits per pixel), model ")
    chip = page.locator("#image-compare .compare-chip").last
    # Lines break between figures only.
    figures = rf"{len(data):,}\sbytes\s·\s.+\sdB\s·\sSSIMULACRA2\s-?\d+\.\d$"
    expect(chip).to_have_text(re.compile(figures))
    report = json.loads(download(page, "image", tmp_path / "photo-report.json", "download-report"))
    assert report["result"]["bytes"] == len(data)
    assert report["settings"]["budget_bytes"] == 900
    assert set(report["codecs"]) == {"ours", "jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000"}

    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(page.locator("#image-table")).to_be_visible()
    expect(page.locator(".modebar:visible")).to_have_count(0)
    said = page.locator("#image-table .legend").first.bounding_box()
    assert said is not None
    assert said["x"] + said["width"] <= PHONE[0]  # However wide the table is.
    line_px = 24  # of a chip, which hides some of the picture
    box = chip.bounding_box()
    assert box is not None
    assert box["height"] < line_px
    expect(page.locator("#image-compare .compare-sides")).to_contain_text("SSIMULACRA2")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_picture_and_charts_are_seen_of_a_run(page: Page, large_file: Path) -> None:
    upload(page, "image", large_file)
    expect(page.locator("#image-note")).to_contain_text("384 × 256 pixels")
    page.locator("#image-compress").click()
    # On a fast machine the result itself may be the first picture.
    page.locator("#image-preview img, #image-compare img").first.wait_for(timeout=JOB_MS)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    for chart in ("curve", "bits"):
        expect(page.locator(f"#image-{chart} .js-plotly-plot")).to_be_visible(timeout=JOB_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    deadline_s = time.monotonic() + JOB_MS / 1000
    while True:  # When other codecs have been measured the page asks no more.
        asked.clear()
        page.wait_for_timeout(2000)
        if not asked:
            break
        assert time.monotonic() < deadline_s


def test_clip_is_compressed_and_played(page: Page, clip: cc.Signal, tmp_path: Path) -> None:
    cc.save(clip, tmp_path / "voice.wav")
    page.get_by_role("tab", name="Audio").click()
    upload(page, "audio", tmp_path / "voice.wav")
    page.locator("#audio-purpose").get_by_label("Voice memo").check()
    expect(page.locator("#audio-note")).to_contain_text("at most 1,000 bytes, 8.00 kbps")
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)

    data = download(page, "audio", tmp_path / "voice.cmb")
    decoded = cc.decode(data, device="cpu")
    assert len(data) <= 1000
    expect(fact(page, "audio", "size")).to_have_text(f"{len(data):,} bytes")
    content = download(page, "audio", tmp_path / "voice-decoded.wav", "download-decoded")
    values, rate = sf.read(BytesIO(content))
    assert rate == decoded.sample_rate
    np.testing.assert_allclose(values, decoded.values[0], atol=1 / 32768)
    played = linked_bytes(page, "#audio-compare [role=radio]:nth-child(1)", "data-file")
    np.testing.assert_allclose(sf.read(BytesIO(played))[0], clip.values[0], atol=1 / 32768)


def test_prefix_of_the_file_is_decoded(page: Page, photo: cc.Signal, photo_file: Path) -> None:
    upload(page, "image", photo_file)
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-bytes input").fill("900")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    page.locator("#image-percent input[type=range]").focus()
    page.keyboard.press("Home")
    for _ in range(39):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#image-compare")).to_contain_text("First 40 %")


def test_stop_is_felt_at_once(page: Page, large_file: Path) -> None:
    upload(page, "image", large_file)
    expect(page.locator("#image-note")).to_contain_text("pixels")
    choose_papers_model(page)
    page.locator("#image-effort").get_by_label("best").check()
    waits = []
    for _ in range(TRIES):  # The engine is free again at once.
        page.locator("#image-compress").click()
        expect(fact(page, "image", "elapsed")).to_be_visible()
        expect(page.locator("#image-posterior .js-plotly-plot")).to_be_visible()
        page.evaluate(TIME_TO_STOP)
        page.locator("#image-stop").click()
        waits.append(page.evaluate("window.secondsToStop"))
        expect(page.locator("#image-compress")).to_be_enabled()
        expect(page.locator("#image-compress")).to_be_focused()  # Stop cannot have it any more.
    assert max(waits) < STOP_S


def test_a_run_survives_a_reload(page: Page, app_url: str, large_file: Path) -> None:
    upload(page, "image", large_file)
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-effort").get_by_label("balanced").check()
    page.locator("#image-compress").click()
    expect(state(page, "image", "running")).to_be_visible(timeout=JOB_MS)
    page.wait_for_timeout(500)
    page.goto("about:blank")  # As when a phone sleeps.
    page.wait_for_timeout(1000)
    open_page_busy(page, app_url)
    # On a fast machine it has ended meanwhile.
    known = state(page, "image", "running").or_(state(page, "image", "done"))
    expect(known).to_be_visible(timeout=JOB_MS)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    open_page(page, app_url)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-compare")).to_contain_text("bytes")


def test_two_visitors_take_turns(
    browser: Browser, page: Page, app_url: str, photo_file: Path, large_file: Path
) -> None:
    with visit(browser, app_url) as other:
        begin_long_run(page, large_file)
        upload(other, "image", photo_file)
        expect(other.locator("#image-note")).to_contain_text("pixels")
        other.locator("#image-compress").click()
        expect(state(other, "image", "waiting")).to_contain_text("1 run before yours")
        page.locator("#image-stop").click()
        expect(state(page, "image", "stopped")).to_be_visible()
        expect(state(other, "image", "done")).to_be_visible(timeout=JOB_MS)


@pytest.mark.long
def test_two_visitors_have_runs_side_by_side(
    browser: Browser, photo_file: Path, large_file: Path, tmp_path: Path
) -> None:
    with (
        running_app(tmp_path, "--workers", "2") as (_, url),
        visit(browser, url) as page,
        visit(browser, url) as other,
    ):
        begin_long_run(page, large_file)
        upload(other, "image", photo_file)
        expect(other.locator("#image-note")).to_contain_text("pixels")
        other.locator("#image-compress").click()
        expect(state(other, "image", "done")).to_be_visible(timeout=JOB_MS)
        expect(state(page, "image", "running")).to_be_visible()


@pytest.mark.long
def test_a_run_that_takes_too_long_says_so(
    browser: Browser, large_file: Path, tmp_path: Path
) -> None:
    with (
        running_app(tmp_path, "--max-run-s", "4") as (_, url),
        visit(browser, url) as page,
    ):
        begin_long_run(page, large_file)
        expect_sentence(page, "image", "It took longer than 4 s")
        expect(state(page, "image", "failed")).to_contain_text("It took longer than 4 s")
        expect(page.locator("#image-compress")).to_be_enabled()


def begin_long_run(page: Page, large_file: Path) -> None:
    """Compress by the paper's model, at its best."""
    upload(page, "image", large_file)
    expect(page.locator("#image-note")).to_contain_text("pixels")
    choose_papers_model(page)
    page.locator("#image-effort").get_by_label("best").check()
    page.locator("#image-compress").click()
    expect(state(page, "image", "running")).to_be_visible()


def test_a_late_failure_is_told(page: Page, clip: cc.Signal, tmp_path: Path) -> None:
    cc.save(clip, tmp_path / "voice.wav")
    page.get_by_role("tab", name="Audio").click()
    upload(page, "audio", tmp_path / "voice.wav")
    expect(page.locator("#audio-note")).to_contain_text("kbps")
    page.locator("#audio-bytes input").fill("20")
    page.locator("#audio-compress").click()
    expect_sentence(page, "audio", "A budget of 20 bytes is too small")
    open_page(page, page.url)  # All of it is there again.
    expect(state(page, "audio", "failed")).to_contain_text("A budget of 20 bytes")
    expect(page.locator("#audio-note")).to_contain_text("1.00 s")
    expect(page.locator("#audio-bytes input")).to_have_value("20")
    page.wait_for_timeout(1000)
    expect_sentence(page, "audio", "A budget of 20 bytes is too small")
    page.locator("#audio-purpose").get_by_label("Speech").check()
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)


def _bomb(path: Path) -> None:
    """Picture of 10^8 pixels in a small file."""
    Image.new("1", (10_000, 10_000)).save(path)


def _clip_without_samples(path: Path) -> None:
    sf.write(path, np.zeros(0), 16000)


BAD_IMAGES = {
    "letter.png": lambda path: path.write_text("Dear reader,"),
    "empty.png": lambda path: path.write_bytes(b""),
    "bomb.png": _bomb,
    "cut.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50)),
    "tiny.png": lambda path: Image.new("RGB", (4, 4)).save(path),
}
BAD_CLIPS = {
    "silence.wav": _clip_without_samples,
    "letter.wav": lambda path: path.write_text("Dear listener,"),
    "song.m4a": lambda path: path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(64)),
}


def test_bad_images_are_refused_in_a_sentence(page: Page, tmp_path: Path) -> None:
    for name, write in BAD_IMAGES.items():
        write(tmp_path / name)
        upload(page, "image", tmp_path / name)
        expect_sentence(page, "image", name)
        page.locator("#image-compress").click()
        expect(state(page, "image", "failed")).to_be_visible()
        expect(page.locator("#image-compress")).to_be_enabled()
    page.wait_for_timeout(1000)
    expect(state(page, "image", "failed")).to_be_visible()  # No later answer takes it away.


def test_bad_clips_are_refused_in_a_sentence(page: Page, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Audio").click()
    for name, write in BAD_CLIPS.items():
        write(tmp_path / name)
        upload(page, "audio", tmp_path / name)
        expect_sentence(page, "audio", name)


def test_every_colour_mode_is_accepted(page: Page, tmp_path: Path) -> None:
    for width, mode in enumerate(["L", "LA", "RGBA", "P", "CMYK", "I;16"], 40):
        suffix = ".tiff" if mode == "CMYK" else ".png"
        file = tmp_path / f"picture{suffix}"
        Image.new(mode, (width, 24)).save(file)
        upload(page, "image", file)
        expect(page.locator("#image-note")).to_contain_text(f"{width} × 24 pixels")


def test_a_refused_file_can_be_replaced(page: Page, photo_file: Path, tmp_path: Path) -> None:
    page.locator("#image-compress").click()
    expect(state(page, "image", "failed")).to_be_visible()
    (tmp_path / "letter.png").write_text("Dear reader,")
    upload(page, "image", tmp_path / "letter.png")
    expect(refusal(page, "image")).to_contain_text("letter.png cannot be read")
    expect(state(page, "image", "idle")).to_be_visible()  # The earlier failure is over.
    expect(refusal(page, "image")).not_to_contain_text(re.compile("audio|WAV"))
    page.wait_for_timeout(1000)
    expect(refusal(page, "image")).to_be_visible()  # No later answer takes it away.
    upload(page, "image", photo_file)  # The field is free again.
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    expect(refusal(page, "image")).to_have_count(0)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    upload(page, "image", tmp_path / "letter.png")  # It stands beside the result, until a run.
    expect(refusal(page, "image")).to_contain_text("letter.png cannot be read")
    expect(state(page, "image", "done")).to_be_visible()


def test_an_app_has_limits_and_a_password_and_ends_tidily(
    browser: Browser, photo_file: Path, tmp_path: Path
) -> None:
    options = ["--max-megapixels", "0.005", "--user", "ada", "--password", "engine"]
    with running_app(tmp_path, *options) as (process, url):
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        page.get_by_label("username").fill("ada")
        page.get_by_label("password").fill("engine")
        page.get_by_role("button", name="Login").click()
        expect(page.locator("#image-compress")).to_be_enabled()
        upload(page, "image", photo_file)
        expect_sentence(page, "image", "photo.png")
        context.close()
        second = subprocess.run(
            [sys.executable, "app.py", "--port", str(urlsplit(url).port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert second.returncode == 1
        assert re.fullmatch(r"app.py: Port \d+ of 127.0.0.1 is taken.*\.\n", second.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S) == 0
    assert list(tmp_path.glob("combiner-*")) == []


def open_page_busy(page: Page, url: str) -> None:
    """Go to the app while a run of this visitor goes on."""
    page.goto(url)
    expect(page.locator("#image-stop")).to_be_enabled()
