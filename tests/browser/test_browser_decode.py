"""The decode tab and the comparison viewers, in a real browser over the real app."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from browser_tools import (
    DESKTOP,
    PHONE,
    download,
    expect_sentence,
    fact,
    linked_bytes,
    shown_pixels,
    state,
    upload,
    visit,
)
from playwright.sync_api import Browser, Locator, Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser

DECODE_MS = 60_000
LEFT = "#decode-image [data-layer=left]"
RIGHT = "#decode-image [data-layer=right]"
# As soon as the status says so.
MOVE_WHILE_DECODING = """() => {
  const watch = new MutationObserver(() => {
    if (!document.querySelector("#decode-status [data-state=running]")) return;
    watch.disconnect();
    const slider = document.querySelector("#decode-percent input[type=range]");
    slider.value = 30;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  });
  watch.observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a picture, a clip, and both as compressed files."""
    folder = tmp_path_factory.mktemp("files")
    y, x = np.mgrid[0:200, 0:300]
    pixels = np.stack([x * 0.8, y, 128 + 100 * np.sin(x / 20 + y / 30)], axis=-1)
    t_s = np.arange(16000) / 16000
    tone = 0.4 * np.sin(2 * np.pi * (300 + 100 * t_s) * t_s)
    signals = {
        "picture.png": cc.Signal.image(pixels.astype(np.uint8)),
        "clip.wav": cc.Signal.audio(tone, 16000),
    }
    options = cc.EncodeOptions(effort="fast", device="cpu")
    for name, signal in signals.items():
        cc.save(signal, folder / name)
        *_, result = cc.encode(signal, cc.Budget(1500), options)
        assert isinstance(result, cc.Encoded)
        (folder / name).with_suffix(".cmb").write_bytes(result.data)
    return folder


@pytest.fixture
def decode_page(page: Page) -> Page:
    page.get_by_role("tab", name="Decode").click()
    return page


def test_image_is_what_the_command_line_writes(
    decode_page: Page, files: Path, run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    page = decode_page
    upload(page, "decode", files / "picture.cmb")
    holds = page.locator("#decode-holds [data-fact=holds]")
    expect(holds).to_have_text("300 × 200 pixels", timeout=DECODE_MS)
    expect(page.locator("#decode-holds [data-fact=model]")).to_have_text("multires-image")
    page.locator("#decode-run").click()
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
    for fraction, name in ((1.0, "Decoded"), (0.4, "First 40 %")):
        if fraction < 1:
            slide(page, "#decode-percent", 40)
            expect(page.locator(f"{RIGHT} img")).to_have_attribute(
                "alt", re.compile(f"^{name}"), timeout=DECODE_MS
            )
            expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
        arguments = ("decode", files / "picture.cmb", "--fraction", str(fraction))
        finished = run_cli(*arguments, "--device", "cpu", "-o", "expected.png")
        assert finished.returncode == 0, finished.stderr
        content = download(page, "decode", tmp_path / "picture-decoded.png")
        assert content == (tmp_path / "expected.png").read_bytes()
        expected = cc.load(tmp_path / "expected.png").values
        assert np.array_equal(shown_pixels(page, RIGHT), expected)


def test_original_is_compared_and_prefix_is_worse(decode_page: Page, files: Path) -> None:
    page = decode_page
    hand_in(page, files, "picture")
    original = cc.load(files / "picture.png")
    decoded = cc.decode((files / "picture.cmb").read_bytes(), device="cpu")
    quality = f"{cc.psnr_db(original, decoded):.2f} dB"
    expect(fact(page, "decode", "psnr")).to_have_text(quality, timeout=DECODE_MS)
    assert np.array_equal(shown_pixels(page, LEFT), original.values)
    expect(page.locator("#decode-image [data-chip=right]")).to_contain_text(quality)

    slide(page, "#decode-percent", 30)
    expect(page.locator("#decode-image [data-chip=right]")).to_contain_text(
        "First 30 %", timeout=DECODE_MS
    )
    part = float(fact(page, "decode", "psnr").inner_text().removesuffix(" dB"))
    assert part < cc.psnr_db(original, decoded)

    page.locator("#decode-scale").get_by_label("2×").check()
    expect(fact(page, "decode", "signal")).to_have_text("600 × 400 pixels", timeout=DECODE_MS)


def test_detail_and_error_bars_are_shown(decode_page: Page, files: Path) -> None:
    page = decode_page
    hand_in(page, files, "picture")
    expect(fact(page, "decode", "psnr")).not_to_be_empty(timeout=DECODE_MS)
    before = fact(page, "decode", "psnr").inner_text()
    data = (files / "picture.cmb").read_bytes()
    natural = cc.decode(data, device="cpu", detail=0.8)
    quality = f"{cc.psnr_db(cc.load(files / 'picture.png'), natural):.2f} dB"
    assert quality != before
    slide(page, "#decode-detail", 0.8)
    expect(fact(page, "decode", "psnr")).to_have_text(quality, timeout=DECODE_MS)
    assert np.array_equal(shown_pixels(page, RIGHT), natural.values)

    page.locator("#decode-unsure").get_by_role("checkbox").check()
    left = page.locator("#decode-image select[data-side=left]")
    expect(left).to_have_value("Where it is unsure", timeout=DECODE_MS)
    original = page.locator("#decode-original")
    original.get_by_label("Remove").or_(original.get_by_label("Clear")).first.click()
    expect(fact(page, "decode", "psnr")).to_have_count(0, timeout=DECODE_MS)
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
    expect(page.locator("#decode-image")).to_contain_text("Where it is unsure")


def test_truncated_file_is_decoded_as_far_as_it_goes(
    decode_page: Page, files: Path, tmp_path: Path
) -> None:
    page = decode_page
    data = (files / "picture.cmb").read_bytes()
    (tmp_path / "cut.cmb").write_bytes(data[:700])
    upload(page, "decode", tmp_path / "cut.cmb")
    expect(page.locator("#decode-holds")).to_contain_text("Cut short", timeout=DECODE_MS)
    page.locator("#decode-run").click()
    expect(fact(page, "decode", "bytes used")).to_have_text("700", timeout=DECODE_MS)


def test_clip_is_heard_beside_its_original(decode_page: Page, files: Path, tmp_path: Path) -> None:
    page = decode_page
    hand_in(page, files, "clip")
    decoded = cc.decode((files / "clip.cmb").read_bytes(), device="cpu")
    choices = page.locator("#decode-audio [role=radio]")
    expect(choices).to_have_count(2, timeout=DECODE_MS)
    (tmp_path / "heard.wav").write_bytes(
        linked_bytes(page, "#decode-audio [role=radio]:nth-child(2)", "data-file")
    )
    heard = cc.load(tmp_path / "heard.wav")
    np.testing.assert_allclose(heard.values, decoded.values, atol=1 / 32768)
    waveform = page.locator("#decode-audio-waveform .js-plotly-plot")
    expect(waveform).to_be_visible(timeout=DECODE_MS)


def test_viewer_obeys_mouse_and_keyboard(decode_page: Page, files: Path) -> None:
    page = decode_page
    hand_in(page, files, "picture")
    stage = page.locator("#decode-image .compare-stage")
    divider = page.locator("#decode-image").get_by_role("slider")
    expect(divider).to_have_attribute("aria-valuenow", "50", timeout=DECODE_MS)
    divider.focus()
    page.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "51")
    page.keyboard.press("Home")
    expect(divider).to_have_attribute("aria-valuenow", "0")
    box = box_of(stage)
    page.mouse.move(box["x"] + 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50, steps=3)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")

    page.locator("#decode-image").get_by_role("button", name="8×").click()
    expect(stage).to_have_attribute("data-zoom", "8")
    drawn = page.locator(f"{RIGHT} img")
    assert drawn.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert box_of(drawn)["width"] == pytest.approx(8 * 300)
    stage.focus()
    before = box_of(drawn)["x"]
    page.keyboard.press("ArrowLeft")
    assert box_of(drawn)["x"] > before
    page.keyboard.press("0")
    expect(stage).to_have_attribute("data-zoom", "fit")
    stage.hover(position={"x": 30, "y": 30})
    page.mouse.wheel(0, -300)
    expect(stage).not_to_have_attribute("data-zoom", "fit")

    page.locator("#decode-image").get_by_label("Right").select_option("Original")
    assert np.array_equal(shown_pixels(page, RIGHT), cc.load(files / "picture.png").values)
    page.locator("#decode-image").get_by_role("button", name="Difference").click()
    stage.screenshot()
    expect(stage).to_have_attribute("data-view", "difference")


def test_what_does_not_fit_together_is_refused(
    decode_page: Page, files: Path, photo: cc.Signal, tmp_path: Path
) -> None:
    page = decode_page
    cc.save(photo, tmp_path / "other.png")
    upload(page, "decode", files / "picture.cmb")
    expect(page.locator("#decode-holds")).to_contain_text("300 × 200", timeout=DECODE_MS)
    page.locator("#decode-run").click()
    expect(page.locator("#decode-image")).to_be_visible(timeout=DECODE_MS)
    expect(state(page, "decode", "done")).to_be_visible()
    page.locator("#decode-original input[type=file]").set_input_files(tmp_path / "other.png")
    expect(state(page, "decode", "failed")).to_be_visible(timeout=DECODE_MS)
    expect(page.locator("#decode-image")).to_be_hidden()  # What it does not say is not shown.
    page.locator("#decode-run").click()
    expect_sentence(page, "decode", "other.png (96 × 64 pixels) is not of the size")


def test_damaged_file_is_refused_at_once(decode_page: Page, files: Path, tmp_path: Path) -> None:
    page = decode_page
    hand_in(page, files, "picture")
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
    (tmp_path / "noise.cmb").write_bytes(bytes(range(200)))
    page.locator("#decode-source").get_by_label("Remove").or_(
        page.locator("#decode-source").get_by_label("Clear")
    ).first.click()
    upload(page, "decode", tmp_path / "noise.cmb")
    expect_sentence(page, "decode", "noise.cmb is not a .cmb file")
    # Nothing is left of either file.
    expect(page.locator("#decode-image")).to_be_hidden()
    expect(page.locator("#decode-source")).not_to_contain_text("noise")
    # It is not forgotten why, until there is another.
    page.locator("#decode-run").click()
    expect_sentence(page, "decode", "Choose another .cmb file, since noise.cmb is not a .cmb file")
    upload(page, "decode", files / "picture.cmb")
    expect(state(page, "decode", "idle")).to_contain_text("Press Decode", timeout=DECODE_MS)


def test_what_is_no_compressed_file_is_told_where_to_go(decode_page: Page, files: Path) -> None:
    page = decode_page
    upload(page, "decode", files / "picture.png")
    failed = state(page, "decode", "failed")
    expect(failed).to_contain_text(
        "picture.png is not a .cmb file; pictures and clips are compressed on the tabs Image and"
    )
    expect(page.locator(".toast-body")).to_have_count(0)


def test_one_picture_alone_has_no_sides(decode_page: Page, files: Path) -> None:
    page, viewer = decode_page, decode_page.locator("#decode-image")
    upload(page, "decode", files / "picture.cmb")
    expect(page.locator("#decode-holds")).to_contain_text("300 × 200", timeout=DECODE_MS)
    page.locator("#decode-run").click()
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
    size = (files / "picture.cmb").stat().st_size
    expect(viewer.locator(".compare-chip:visible")).to_have_text([f"Decoded · {size:,} bytes"])
    expect(viewer.locator("img:visible")).to_have_count(1)
    expect(viewer.get_by_role("slider")).to_have_count(0)
    expect(viewer.locator("select:visible")).to_have_count(0)
    expect(viewer.get_by_role("button")).to_have_text(
        ["Fit", "1:1", "2×", "4×", "8×", "Full screen"]
    )
    expect(viewer.locator(".compare-hint")).not_to_contain_text("divider")

    page.locator("#decode-original input[type=file]").set_input_files(files / "picture.png")
    expect(viewer.locator(".compare-chip:visible")).to_have_count(2, timeout=DECODE_MS)
    expect(viewer.get_by_role("slider")).to_have_attribute("aria-valuenow", "50")
    expect(viewer.locator("select:visible")).to_have_count(2)
    expect(viewer.get_by_role("button", name="Divider")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="Side by side").click()
    slide(page, "#decode-percent", 50)
    expect(viewer.locator("[data-chip=right]")).to_contain_text("First 50 %", timeout=DECODE_MS)
    expect(viewer.locator(".compare-stage")).to_have_attribute("data-view", "beside")


def test_what_is_chosen_while_a_file_is_decoded_is_followed(decode_page: Page, files: Path) -> None:
    page = decode_page
    upload(page, "decode", files / "picture.cmb")
    expect(state(page, "decode", "idle")).to_contain_text("Press Decode", timeout=DECODE_MS)
    page.evaluate(MOVE_WHILE_DECODING)
    page.locator("#decode-run").click()
    chip = page.locator("#decode-image [data-chip=right]")
    expect(chip).to_contain_text("First 30 %", timeout=DECODE_MS)
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)


def test_any_number_can_be_typed(decode_page: Page, files: Path) -> None:
    page, chip = decode_page, decode_page.locator("#decode-image [data-chip=right]")
    hand_in(page, files, "picture")
    for typed, shown in (("0", "First 1 %"), ("500", "Decoded"), ("30", "First 30 %")):
        page.locator("#decode-percent input[type=number]").fill(typed)
        expect(chip).to_contain_text(shown, timeout=DECODE_MS)
    page.locator("#decode-percent input[type=number]").fill("")
    expect(chip).to_contain_text("Decoded", timeout=DECODE_MS)
    before = fact(page, "decode", "psnr").inner_text()
    page.locator("#decode-detail input[type=number]").fill("7")
    expect(fact(page, "decode", "psnr")).not_to_have_text(before, timeout=DECODE_MS)
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
    expect(page.locator(".toast-body")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, (1024, 768), PHONE])
def test_labels_leave_the_arrows_free(
    browser: Browser, app_url: str, size: tuple[int, int]
) -> None:
    with visit(browser, app_url, size) as page:
        page.get_by_role("tab", name="Decode").click()
        for field in ("source", "original"):
            label = box_of(page.locator(f"#decode-{field} label").first)
            arrow = box_of(page.locator(f"#decode-{field} .icon-wrap svg").first)
            assert label["x"] + label["width"] < arrow["x"]


def test_phone_shows_the_whole_tab(browser: Browser, app_url: str, files: Path) -> None:
    with visit(browser, app_url, PHONE) as page:
        page.get_by_role("tab", name="Decode").click()
        hand_in(page, files, "picture")
        expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)
        expect(page.locator("#decode-image .compare-stage")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def hand_in(page: Page, files: Path, name: str) -> None:
    """A compressed file and its original."""
    original = next(path for path in files.glob(f"{name}.*") if path.suffix != ".cmb")
    upload(page, "decode", files / f"{name}.cmb")
    holds = page.locator("#decode-holds [data-fact=holds]")
    expect(holds).to_be_visible(timeout=DECODE_MS)
    page.locator("#decode-original input[type=file]").set_input_files(original)
    expect(page.locator("#decode-original")).to_contain_text(original.suffix)
    page.locator("#decode-run").click()
    expect(state(page, "decode", "done")).to_be_visible(timeout=DECODE_MS)


def slide(page: Page, selector: str, value: float) -> None:
    box = page.locator(f"{selector} input[type=number]")
    box.fill(str(value))
    box.press("Tab")


def box_of(locator: Locator) -> dict[str, float]:
    box = locator.bounding_box()
    assert box is not None
    return dict(box)
