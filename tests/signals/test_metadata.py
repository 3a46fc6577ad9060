"""What a picture says besides: kept as text on request, told when it is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from signal_files import image_bytes, picture

from combiner_core.signals import About
from combiner_core.signals.about import MAX_BYTES, clean
from combiner_core.signals.files import read_bytes


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_exif_is_told_or_kept(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x13B], exif[0x132] = "(c) Ann", "Ann", "2019:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2020:02:03 04:05:06"
    got = read_bytes(image_bytes(picture(), file_format, exif=exif), "photo")
    # Pillow writes no directory of EXIF into TIFF
    date = "2019:01:01 00:00:00" if file_format == "TIFF" else "2020:02:03 04:05:06"
    assert got.about == About("(c) Ann", "Ann", date)
    notes = got.all_notes(keeps_about=True)
    assert notes[0] == "Details of the file that are kept: copyright, author, date."
    assert got.all_notes()[0].startswith(
        "Details of the file that are not kept: copyright, author, date"
    )


def test_texts_of_png() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ann")
    texts.add_itxt("Copyright", "© Ünn")
    texts.add_text("Title", "A picture")
    got = read_bytes(image_bytes(picture(), "PNG", pnginfo=texts), "photo")
    assert got.about == About("© Ünn", "Ann", "")
    assert got.metadata == ("Title",)


def test_a_plain_file_has_no_notes() -> None:
    assert read_bytes(image_bytes(picture(), "PNG"), "photo").all_notes() == ()


def test_utf_8_in_exif_is_read_as_such() -> None:
    exif = Image.Exif()
    exif[0x13B] = "Zo12"
    block = exif.tobytes().replace(b"Zo12", "Zoë".encode() + b"\0")
    assert read_bytes(image_bytes(picture(), "JPEG", exif=block), "photo").about.author == "Zoë"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_told(mode: str) -> None:
    image = Image.new("P", (12, 10)) if mode == "P" else Image.fromarray(picture()).convert(mode)
    options: dict[str, object] = {"transparency": 0} if mode == "P" else {}
    if mode != "P":
        image.putalpha(128)
    got = read_bytes(image_bytes(image, "PNG", **options), "photo")
    assert got.notes == ("Its transparency was laid on white.",)


def test_opacity_that_shows_nothing_is_not_told() -> None:
    image = Image.fromarray(picture()).convert("RGBA")
    assert read_bytes(image_bytes(image, "PNG"), "photo").notes == ()


def test_pages_are_told() -> None:
    pages = [Image.fromarray(np.full((10, 12, 3), level, np.uint8)) for level in (0, 99)]
    content = image_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert read_bytes(content, "scan").notes == ("1 of its 2 pages was used: number 1.",)


@given(text=st.text(max_size=400) | st.binary(max_size=400))
def test_words_are_one_readable_line(text: str | bytes) -> None:
    found = clean(text)
    assert len(found.encode()) <= MAX_BYTES
    assert clean(found) == found
    assert found == found.strip()
    assert not any(
        ord(character) < 32 or character in "\x7f\x9b\u202e\u2028" for character in found
    )


def test_words_that_are_not_for_reading_are_refused() -> None:
    for text in ("a\nb", "\x1b[31m", " a", "x" * 256):
        with pytest.raises(ValueError, match="one line"):
            About(author=text)
