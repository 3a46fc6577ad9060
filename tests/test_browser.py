"""The app as users meet it: a fresh process, the real engine, a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, Response, expect, sync_playwright

import combiner_core as cc

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
START_S = 120.0
JOB_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not shutil.which(CHROMIUM):
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"{CHROMIUM} is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("app")) as (_, url):
        yield url


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """The page, loaded; a script error or a request to another host fails the test."""
    faults: list[str] = []

    def check_host(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(app_url).netloc:
            faults.append(f"request to {request.url}")

    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", check_host)
    page.goto(app_url)
    expect(page.locator("#image-compress")).to_be_enabled(timeout=30_000)
    yield page
    page.close()
    assert faults == []


def test_image_is_compressed_downloaded_and_decoded(
    page: Page, photo: cc.Signal, tmp_path: Path
) -> None:
    cc.save(photo, tmp_path / "photo.png")
    upload(page, "image", tmp_path / "photo.png")
    page.locator("#image-rate").get_by_label("Custom").check()
    page.locator("#image-bytes input").fill("160")
    page.locator("#image-effort").get_by_label("best").check()
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels: at most 160 bytes")

    page.locator("#image-compress").click()
    expect(fact(page, "image", "committed")).to_contain_text("bits", timeout=JOB_MS)
    expect(fact(page, "image", "psnr")).to_have_text(re.compile(r"^\d+\.\d\d dB$"))
    expect(page.locator("#image-status")).to_contain_text("left")
    shown_done = page.locator("#image-status progress").get_attribute("value")
    assert 0 < float(shown_done or "0") <= 1
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)

    data = download(page, "image", tmp_path / "photo.cmb")
    decoded = cc.decode(data, device="cpu")
    assert len(data) <= 160
    expect(fact(page, "image", "size")).to_have_text(f"{len(data):,} bytes")
    expect(fact(page, "image", "psnr")).to_have_text(f"{cc.psnr_db(photo, decoded):.2f} dB")
    assert np.array_equal(shown_pixels(page, "#image-original"), photo.values)
    assert np.array_equal(shown_pixels(page, "#image-reconstruction"), decoded.values)

    page.get_by_role("tab", name="Decode").click()
    upload(page, "decode", tmp_path / "photo.cmb")
    page.locator("#decode-run").click()
    expect(state(page, "decode", "done")).to_be_visible(timeout=30_000)
    assert np.array_equal(shown_pixels(page, "#decode-image"), decoded.values)


def test_clip_is_compressed_and_played(page: Page, clip: cc.Signal, tmp_path: Path) -> None:
    cc.save(clip, tmp_path / "voice.wav")
    page.get_by_role("tab", name="Audio").click()
    upload(page, "audio", tmp_path / "voice.wav")
    expect(page.locator("#audio-note")).to_contain_text("at most 2,000 bytes")
    page.locator("#audio-rate").get_by_label("Custom").check()
    page.locator("#audio-bytes input").fill("20")
    page.locator("#audio-compress").click()
    expect_sentence(page, "A budget of 20 bytes is too small")
    expect(state(page, "audio", "failed")).to_be_visible()

    page.locator("#audio-bytes input").fill("250")
    expect(page.locator("#audio-note")).to_contain_text("at most 250 bytes, 2.00 kbps")
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)

    data = download(page, "audio", tmp_path / "voice.cmb")
    decoded = cc.decode(data, device="cpu")
    assert len(data) <= 250
    expect(fact(page, "audio", "size")).to_have_text(f"{len(data):,} bytes")
    (tmp_path / "played.wav").write_bytes(linked_bytes(page, "#audio-reconstruction a", "href"))
    played = cc.load(tmp_path / "played.wav")
    assert played.sample_rate == decoded.sample_rate
    np.testing.assert_allclose(played.values, decoded.values, atol=1 / 32768)


def test_stop_ends_a_job_within_a_second(page: Page, photo: cc.Signal, tmp_path: Path) -> None:
    cc.save(cc.Signal.image(np.tile(photo.values, (6, 6, 1))), tmp_path / "photo.png")
    upload(page, "image", tmp_path / "photo.png")
    page.locator("#image-rate").get_by_label("0.13 bpp").check()
    page.locator("#image-effort").get_by_label("best").check()
    for _ in range(2):  # The engine is free again at once.
        page.locator("#image-compress").click()
        expect(fact(page, "image", "committed")).to_be_visible(timeout=60_000)
        clicked = time.monotonic()
        page.locator("#image-stop").click()
        expect(state(page, "image", "stopped")).to_be_visible()
        assert time.monotonic() - clicked < 1.0
        expect(page.locator("#image-compress")).to_be_enabled()


def test_wrong_file_is_refused_in_a_sentence(page: Page, photo: cc.Signal, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("Dear reader,")
    upload(page, "image", tmp_path / "letter.png")
    expect_sentence(page, "letter.png")
    page.locator("#image-compress").click()
    expect(state(page, "image", "failed")).to_be_visible(timeout=10_000)
    expect(page.locator("#image-status")).to_contain_text("letter.png cannot be read")

    cc.save(photo, tmp_path / "photo.png")
    page.locator("#image-source").get_by_label("Remove Image").click()
    upload(page, "image", tmp_path / "photo.png")
    expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")
    page.locator("#image-compress").click()
    expect(state(page, "image", "running")).to_be_visible(timeout=10_000)
    page.locator("#image-stop").click()
    expect(state(page, "image", "stopped")).to_be_visible(timeout=10_000)


def test_damaged_compressed_file_is_refused_in_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "noise.cmb").write_bytes(bytes(range(200)))
    page.get_by_role("tab", name="Decode").click()
    upload(page, "decode", tmp_path / "noise.cmb")
    page.locator("#decode-run").click()
    expect_sentence(page, "")
    expect(state(page, "decode", "failed")).to_be_visible()


def test_app_ends_tidily(tmp_path: Path) -> None:
    with running_app(tmp_path) as (process, url):
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
        assert process.wait(20) == 0
    assert list(tmp_path.glob("combiner-*")) == []


@contextmanager
def running_app(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app in a fresh process with its files in a folder, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        # Pixels are compared with those decoded in this process.
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def upload(page: Page, tab: str, path: Path) -> None:
    """Hand a file to a tab and wait until the server has it."""

    def is_upload(response: Response) -> bool:
        return "/gradio_api/upload" in response.url and response.ok

    with page.expect_response(is_upload):
        page.locator(f"#{tab}-source input[type=file]").set_input_files(path)


def download(page: Page, tab: str, path: Path) -> bytes:
    with page.expect_download() as download:
        page.locator(f"#{tab}-download").click()
    download.value.save_as(path)
    assert download.value.suggested_filename == path.name
    return path.read_bytes()


def state(page: Page, tab: str, name: str) -> Locator:
    return page.locator(f"#{tab}-status [data-state={name}]")


def fact(page: Page, tab: str, name: str) -> Locator:
    return page.locator(f'#{tab}-status [data-fact="{name}"]')


def shown_pixels(page: Page, selector: str) -> NDArray[np.uint8]:
    """The picture that the browser shows."""
    return np.asarray(Image.open(BytesIO(linked_bytes(page, f"{selector} img", "src"))))


def linked_bytes(page: Page, selector: str, attribute: str) -> bytes:
    """What the address in an element's attribute leads to."""
    expect(page.locator(selector)).to_have_attribute(attribute, re.compile("^http"))
    address = page.locator(selector).get_attribute(attribute)
    assert address is not None
    return page.request.get(address).body()


def expect_sentence(page: Page, start: str) -> None:
    """A message is shown: one sentence, with no path of the server."""
    toast = page.locator(".toast-body [data-testid=toast-text]")
    expect(toast).to_be_visible(timeout=10_000)
    text = toast.inner_text()
    assert re.fullmatch(rf"{re.escape(start)}[^/\\]*\.", text)
    assert ". " not in text
