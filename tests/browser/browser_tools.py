"""The app in a fresh process and a real browser: fixtures and gestures of the browser tests."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
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
from playwright.sync_api import (
    Browser,
    JSHandle,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "assets" / "examples"
CHROMIUM = "/usr/bin/chromium"
START_S = 120.0
JOB_MS = 300_000
LOAD_MS = 60_000
DESKTOP = (1280, 900)
PHONE = (390, 844)

# A machine that tests does other things as well.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a screen, with a camera and a microphone that make test signals."""
    if not shutil.which(CHROMIUM):
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"{CHROMIUM} is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    arguments += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an app that serves all browser tests."""
    with running_app(tmp_path_factory.mktemp("app")) as (_, url):
        yield url


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """The page of a new visitor, loaded; see `visit`."""
    with visit(browser, app_url) as page:
        yield page


@contextmanager
def visit(
    browser: Browser, url: str, size: tuple[int, int] = DESKTOP, script: str = ""
) -> Iterator[Page]:
    """The page in a browser profile of its own, after a script if there is one.

    A script error or a request to another host fails the test when the page is closed.
    """
    faults: list[str] = []

    def check_host(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(url).netloc:
            faults.append(f"request to {request.url}")

    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", check_host)
    if script:
        page.add_init_script(script)
    try:
        open_page(page, url)
        yield page
    finally:
        # A page left open would take time from all tests that follow.
        context.close()
    assert faults == []


def open_page(page: Page, url: str) -> None:
    """Go to the app and wait until it can be used."""
    page.goto(url)
    expect(page.locator("#image-compress")).to_be_enabled(timeout=LOAD_MS)


@contextmanager
def running_app(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app in a fresh process with its files in a folder, and its address; by default a free
    port.
    """
    if port == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    variables = {
        **os.environ,
        "TMPDIR": str(folder),
        # Pixels are compared with those decoded in this process.
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        **(environment or {}),
    }
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    command += ["--workers", "1", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=START_S)


def upload(page: Page, tab: str, path: Path) -> None:
    """Hand a file to a tab and wait until the server has it."""

    def is_upload(response: Response) -> bool:
        return "/gradio_api/upload" in response.url and response.ok

    with page.expect_response(is_upload):
        page.locator(f"#{tab}-source input[type=file]").set_input_files(path)


def carried(page: Page, files: list[tuple[str, str, bytes]]) -> JSHandle:
    """Files as the browser hands them to what they are dropped on or pasted into.

    Args:
        page: where that is.
        files: names, media types and contents.
    """
    return page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, type, text] of files) {
                const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type }));
            }
            return transfer;
        }""",
        [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files],
    )


def drop(page: Page, tab: str, *files: tuple[str, str, bytes]) -> None:
    """Drop files on the field of a tab together, as from a folder."""
    target = page.locator(f"#{tab}-source button").first
    target.dispatch_event("drop", {"dataTransfer": carried(page, list(files))})


def choose_papers_model(page: Page, tab: str = "image") -> None:
    """Choose the model of the paper, which takes long."""
    page.locator(f"#{tab}-advanced").get_by_role("button", name="Advanced").click()
    page.locator(f"#{tab}-model").get_by_label("COMBINER, the paper's").check()


def download(page: Page, tab: str, path: Path, what: str = "download") -> bytes:
    """Click the tab's button and keep the file, which must have the name of `path`."""
    with page.expect_download() as download:
        page.locator(f"#{tab}-{what}").click()
    download.value.save_as(path)
    assert download.value.suggested_filename == path.name
    return path.read_bytes()


def state(page: Page, tab: str, name: str) -> Locator:
    """The status panel of a tab, if it is in that state."""
    return page.locator(f"#{tab}-status [data-state={name}]")


def refusal(page: Page, tab: str) -> Locator:
    """Why a file was not taken, in the status panel of a tab."""
    return page.locator(f"#{tab}-status .status-refusal")


def fact(page: Page, tab: str, name: str) -> Locator:
    """A figure in the status panel of a tab, by its name in lower case."""
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


def violations(page: Page) -> list[str]:
    """What axe-core finds that keeps people out, or is hard to read."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # colours on their way from one to another are nobody's to read
    page.wait_for_function(
        "() => !document.getAnimations().some((each) => each instanceof CSSTransition"
        " && each.playState === 'running')"
    )
    found = axe.run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}"
        for each in found
        if each["impact"] == "critical" or each["id"] == "color-contrast"
    ]


def nameless(page: Page) -> int:
    """How many buttons have no name."""
    count: int = page.locator("button:visible").evaluate_all(
        "buttons => buttons.filter((each) => !(each.innerText.trim() || each.ariaLabel"
        " || each.title)).length"
    )
    return count


def expect_sentence(page: Page, tab: str, start: str) -> None:
    """The status of a tab says what is wrong: one sentence, with no path of the server, and no
    other message says it again.
    """
    told = page.locator(f"#{tab}-status [data-state=failed] span").or_(refusal(page, tab))
    expect(told.first).to_contain_text(start)
    text = told.first.inner_text()
    assert re.fullmatch(rf"{re.escape(start)}[^/\\]*\.", text)
    assert ". " not in text
    expect(page.locator(".toast-body")).to_have_count(0)
