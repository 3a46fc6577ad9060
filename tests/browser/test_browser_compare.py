"""The comparisons of a result: detail, error bars, players, views and blind tests."""

from __future__ import annotations

import re
from io import BytesIO
from math import comb
from pathlib import Path

import numpy as np
import pytest
from browser_tools import (
    JOB_MS,
    download,
    linked_bytes,
    nameless,
    shown_pixels,
    state,
    upload,
    violations,
)
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser

LEFT, RIGHT = (f"#image-compare [data-layer={side}]" for side in ("left", "right"))
SCORE = re.compile(
    r"(Right|Wrong): X was ([AB])\. (\d+) of (\d+)\. By guessing one gets as many or more (\d+) %"
)
# What is heard from now on: the place in the clip, and the first samples of the one that sounds.
RECORD = """() => {
  window.heard = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when, from) {
    const samples = [...this.buffer.getChannelData(0).slice(0, 4000)];
    window.heard.push({ when, from, samples });
    return start.call(this, when, from);
  };
}"""

PLAYED = "() => document.querySelector('#audio-compare [data-part=place]').value > 0.3"


def chance_percent(right: int, total: int) -> float:
    """Of guessing so well or better."""
    return 100 * sum(comb(total, k) for k in range(right, total + 1)) / 2**total


@pytest.fixture
def result_page(page: Page, photo: cc.Signal, tmp_path: Path) -> Page:
    """The result of a picture; what stands beside it comes later."""
    cc.save(photo, tmp_path / "photo.png")
    upload(page, "image", tmp_path / "photo.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-bytes input").fill("700")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    return page


def test_detail_and_error_bars_are_looked_at(result_page: Page, tmp_path: Path) -> None:
    page, viewer = result_page, result_page.locator("#image-compare")
    data = download(page, "image", tmp_path / "photo.cmb")
    slider = viewer.get_by_label("Detail")
    said = viewer.locator(".compare-detail output")
    expect(said).to_have_text("0.30, suggested", timeout=JOB_MS)
    assert np.array_equal(shown_pixels(page, RIGHT), cc.decode(data, device="cpu").values)

    slider.focus()
    page.keyboard.press("End")
    chip = viewer.locator("[data-chip=right]")
    expect(chip).to_contain_text("detail 1.00")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(chip).to_contain_text("detail 0.60")
    expect(page.locator(f"{RIGHT} [data-veil]")).to_have_css("opacity", "0.6")
    shown = 0.4 * picture(page, f"{RIGHT} img:not([data-veil])")
    shown += 0.6 * picture(page, f"{RIGHT} [data-veil]")
    assert np.abs(shown - cc.decode(data, device="cpu", detail=0.6).values).mean() < 0.5
    page.keyboard.press("Home")
    expect(chip).to_contain_text("detail 0.00")
    faithful = cc.decode(data, device="cpu", detail=0).values
    assert np.array_equal(picture(page, f"{RIGHT} img:not([data-veil])"), faithful)

    viewer.get_by_label("Right").select_option("Where it is unsure")
    expect(chip).to_contain_text("white: off by about")
    expect(slider).to_be_hidden()
    deviations = cc.uncertainty(data, device="cpu")
    # The picture is seen through the map.
    assert np.array_equal(
        picture(page, f"{RIGHT} img:not([data-veil])"), cc.decode(data, device="cpu").values
    )
    expect(page.locator(f"{RIGHT} [data-veil]")).to_have_css("opacity", "1")
    expect(page.locator(f"{RIGHT} [data-veil]")).to_have_css("mix-blend-mode", "screen")
    seen = picture(page, f"{RIGHT} [data-veil]")[..., 0]
    assert np.abs(seen - 255 * deviations / deviations.max()).max() <= 1


def test_pictures_are_seen_side_by_side_in_turn_and_blind(result_page: Page) -> None:
    page, viewer = result_page, result_page.locator("#image-compare")
    stage = viewer.locator(".compare-stage")
    viewer.get_by_role("button", name="Side by side").click()
    apart = left_edge(viewer, "[data-layer=right]") - left_edge(viewer, "[data-layer=left]")
    width = stage.evaluate("stage => stage.clientWidth")
    assert apart == pytest.approx(width / 2, abs=2)
    pictures = [left_edge(viewer, f"[data-layer={side}] img") for side in ("left", "right")]
    assert pictures[1] - pictures[0] == pytest.approx(apart, abs=2)

    viewer.get_by_role("button", name="Flicker").click()
    for turn in ("right", "left"):
        expect(stage).to_have_attribute("data-turn", turn)
        expect(viewer.locator(f"[data-chip={turn}]")).to_be_visible()
    stage.press("Space")
    held = str(stage.get_attribute("data-turn"))
    page.wait_for_timeout(1300)
    expect(stage).to_have_attribute("data-turn", held)
    viewer.get_by_role("button", name="Side by side").click()

    viewer.get_by_role("button", name="Blind test").press("Enter")
    viewer.get_by_label("What B is").select_option("COMBINER")
    expect(viewer.get_by_role("button", name="Difference")).to_be_disabled()
    expect(viewer.locator("[data-chip=right]")).to_have_text("X")
    files = {}
    for letter in "AB":
        viewer.locator(".compare-stage").press(letter.lower())
        expect(viewer.locator("[data-chip=left]")).to_have_text(letter)
        files[page.locator(f"{LEFT} img").get_attribute("src")] = letter
    assert len(files) == 2
    right = 0
    for trial in range(1, 7):
        hidden = files[page.locator(f"{RIGHT} img").get_attribute("src")]
        answer = hidden if trial != 3 else "BA"["AB".index(hidden)]
        right += answer == hidden
        viewer.get_by_role("button", name=f"X is {answer}").click()
        expect_score(viewer, "Right" if answer == hidden else "Wrong", hidden, right, trial)
    viewer.get_by_role("button", name="Start again").click()
    expect(viewer.locator(".blind-score")).to_be_empty()
    viewer.get_by_role("button", name="Blind test").click()
    expect(viewer.locator("[data-chip=left]")).to_contain_text("Original")


def test_clips_are_switched_at_the_same_place(page: Page, clip: cc.Signal, tmp_path: Path) -> None:
    long = cc.Signal.audio(np.tile(clip.values, 4), clip.sample_rate)
    cc.save(long, tmp_path / "voice.wav")
    page.get_by_role("tab", name="Audio").click()
    upload(page, "audio", tmp_path / "voice.wav")
    expect(page.locator("#audio-note")).to_contain_text("4.00 s")
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)
    viewer = page.locator("#audio-compare")
    expect(viewer.locator("[data-part=time]")).to_contain_text("of 0:04.0")
    page.evaluate(RECORD)
    ours = viewer.get_by_role("radio", name="COMBINER")
    expect(ours).to_have_attribute("aria-checked", "true")
    ours.press("Space")
    expect(viewer.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function(PLAYED)
    page.keyboard.press("1")
    expect(viewer.get_by_role("radio", name="Original")).to_have_attribute("aria-checked", "true")
    page.wait_for_function("() => window.heard.length === 2")
    page.keyboard.press("Space")
    expect(viewer.get_by_role("button", name="Play")).to_be_visible()
    first, second = page.evaluate("window.heard")
    # a clip begins again at its end
    drift_s = second["from"] - first["from"] - (second["when"] - first["when"])
    assert drift_s == pytest.approx(4 * round(drift_s / 4), abs=1e-3)
    assert not np.allclose(first["samples"], second["samples"], atol=1e-3)

    # Nothing on the page tells what X is: what sounds does.
    viewer.get_by_role("button", name="Blind test").click()
    viewer.locator("[role=radio]").first.focus()
    page.keyboard.press("Space")
    samples = {}
    for letter in "abx":
        count = page.evaluate("window.heard.length")
        page.keyboard.press(letter)
        page.wait_for_function(f"() => window.heard.length > {count}")
        samples[letter.upper()] = page.evaluate("window.heard.at(-1).samples")
    hidden = "A" if np.allclose(samples["X"], samples["A"]) else "B"
    assert np.allclose(samples["X"], samples[hidden])
    assert not np.allclose(samples["A"], samples["B"], atol=1e-3)
    viewer.get_by_role("button", name=f"X is {hidden}").press("Enter")
    expect_score(viewer, "Right", hidden, 1, 1)
    expect(viewer.get_by_role("button", name=f"X is {hidden}")).to_be_focused()
    assert nameless(page) == 0
    assert violations(page) == []


def expect_score(viewer: Locator, verdict: str, hidden: str, right: int, total: int) -> None:
    score = viewer.locator(".blind-score")
    expect(score).to_contain_text(f"{right} of {total}.")
    found = SCORE.match(score.inner_text())
    assert found is not None
    assert found.groups()[:4] == (verdict, hidden, str(right), str(total))
    assert float(found[5]) == pytest.approx(chance_percent(right, total), abs=0.51)


def left_edge(viewer: Locator, selector: str) -> float:
    box = viewer.locator(selector).bounding_box()
    assert box is not None
    return float(box["x"])


def picture(page: Page, selector: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(linked_bytes(page, selector, "src"))))
