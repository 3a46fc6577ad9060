"""Pictures of more than eight bits: read to full precision, coded, and written again."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from signal_files import image_bytes, refusal

from combiner_core.signals import Signal, load, save, to_signal
from combiner_core.signals.colour.transfer import encode_srgb
from combiner_core.signals.files import read_bytes

STEP = 1 / 257


def ramp(channels: int = 3, height: int = 24, width: int = 40) -> NDArray[np.float64]:
    """Shape (height, width, channels), from 0 to 1, between the levels of eight bits."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x / (width - 1), y / (height - 1), (x + y) / (height + width - 2), 1 - x / width)
    return np.stack(planes[:channels], axis=-1)


def sixteen(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.rint(values * 65535).astype(np.uint16)


def png16(values: NDArray[np.uint16], *chunks: tuple[bytes, bytes]) -> bytes:
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def tiff(values: NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric="rgb", **options)  # type: ignore[arg-type]
    return stream.getvalue()


def read_levels(content: bytes) -> NDArray[np.float32]:
    signal = read_bytes(content, "photo").signal
    assert signal.deep is not None
    assert np.abs(signal.values - signal.levels()).max() <= 0.5
    return signal.levels()


@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_16_bits(channels: int) -> None:
    values = sixteen(ramp(channels))
    np.testing.assert_allclose(
        read_levels(png16(values)), np.broadcast_to(values * STEP, (24, 40, 3)), rtol=1e-5
    )


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_of_16_bits_is_laid_on_white(channels: int) -> None:
    values = sixteen(ramp(4)[..., [0, 3] if channels == 2 else [0, 1, 2, 3]])
    colour, opacity = values[..., :-1] * STEP, values[..., -1:] / 65535
    expected = np.broadcast_to(255 - (255 - colour) * opacity, (24, 40, 3))
    np.testing.assert_allclose(read_levels(png16(values)), expected, atol=0.003)


def test_16_bits_that_hold_no_more_than_eight_are_eight() -> None:
    eight = np.rint(ramp() * 255).astype(np.uint16) * 257
    signal = read_bytes(png16(eight), "photo").signal
    assert signal.deep is None
    np.testing.assert_array_equal(signal.values, eight // 257)


TIFFS = [
    {},
    {"compression": "zlib"},
    {"planarconfig": "separate"},
    {"tile": (16, 16), "compression": "zlib"},
    {"bigtiff": True},
    {"byteorder": ">"},
]


@pytest.mark.parametrize("options", TIFFS, ids=str)
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_tiff_of_deep_colours(options: dict[str, object], kind: type[np.generic]) -> None:
    values = sixteen(ramp()) if kind == np.uint16 else ramp().astype(kind)
    stored = np.moveaxis(values, 2, 0) if options.get("planarconfig") else values
    np.testing.assert_allclose(read_levels(tiff(stored, **options)), ramp() * 255, atol=0.003)


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_tiff_of_other_floating_point_numbers(kind: type[np.generic]) -> None:
    np.testing.assert_allclose(read_levels(tiff(ramp().astype(kind))), ramp() * 255, atol=0.1)


def test_tiff_with_transparency() -> None:
    values = ramp(4).astype(np.float32)
    expected = 255 - (255 - 255 * values[..., :3]) * values[..., 3:]
    for extra, stored in (
        ("unassalpha", values),
        ("assocalpha", np.concatenate([values[..., :3] * values[..., 3:], values[..., 3:]], -1)),
    ):
        content = tiff(stored, extrasamples=[extra])
        np.testing.assert_allclose(read_levels(content), expected, atol=0.02)


def test_floating_point_colours_outside_their_range() -> None:
    few = ramp().astype(np.float32)
    few[0, 0] = 1.5
    got = read_bytes(tiff(few), "photo")
    assert got.notes == ("Its values reach from 0 to 1.5: clipped to 0 to 1.",)
    np.testing.assert_allclose(got.signal.levels()[1:], 255 * ramp()[1:], atol=0.003)
    many = read_bytes(tiff(100 * ramp().astype(np.float32)), "photo")
    assert many.notes == ("Its values reach from 0 to 100: stretched from black to white.",)
    np.testing.assert_allclose(many.signal.levels(), 255 * ramp(), atol=0.003)


def test_floating_point_colours_that_cannot_be_read_are_refused() -> None:
    odd = ramp().astype(np.float32)
    odd[3, 3] = np.nan
    assert "finite" in refusal(lambda: read_bytes(tiff(odd), "photo"), "photo")
    content = tiff(ramp().astype(np.float32))
    for part in (0.5, 0.95):
        cut = content[: int(part * len(content))]
        assert "damaged" in refusal(lambda c=cut: read_bytes(c, "photo"), "photo")
    unknown = bytearray(content)
    place = unknown.index(struct.pack("<HHI", 259, 3, 1)) + 8
    unknown[place : place + 2] = struct.pack("<H", 50000)  # Zstandard
    message = refusal(lambda: read_bytes(bytes(unknown), "photo"), "photo")
    assert "damaged" in message or "save it without compression" in message


def test_a_strip_that_inflates_without_end_is_refused() -> None:
    content = bytearray(tiff(ramp().astype(np.float64), compression="zlib"))
    bomb = zlib.compress(bytes(60 << 20), 9)
    start, size = (content.index(struct.pack("<HH", tag, 4)) + 8 for tag in (273, 279))
    content[start : start + 4] = struct.pack("<I", len(content))
    content[size : size + 4] = struct.pack("<I", len(bomb))
    message = refusal(lambda: read_bytes(bytes(content) + bomb, "photo"), "photo")
    assert message == "photo is damaged: it holds more than its picture."


def test_deep_pictures_are_refused_by_their_size_before_they_are_decoded() -> None:
    for content in (png16(sixteen(ramp())), tiff(ramp().astype(np.float32))):
        message = refusal(lambda c=content: read_bytes(c, "photo", max_pixels=900), "photo")
        assert message == "photo is 40 x 24 = 960 pixels: at most 900 are accepted."


def test_heif_of_ten_bits() -> None:
    stream = io.BytesIO()
    file = pillow_heif.from_bytes("RGB;16", (64, 48), sixteen(ramp(3, 48, 64)).tobytes())
    file.save(stream, quality=95, chroma=444)
    assert np.abs(read_levels(stream.getvalue()) - 255 * ramp(3, 48, 64)).mean() < 1


def test_heif_is_turned_upright_once() -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    stream = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(np.rint(255 * ramp(3, 48, 64)).astype("u1")))
    picture.save(stream, quality=95, exif=exif.tobytes())
    signal = read_bytes(stream.getvalue(), "photo.heic").signal
    expected = np.rot90(255 * ramp(3, 48, 64), -1)
    assert np.abs(signal.values - expected).mean() < 3


def test_heif_of_eight_bits_is_read_with_what_it_says() -> None:
    values = np.rint(255 * ramp(4, 48, 64)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x8298] = "(c) Ann"
    picture = pillow_heif.from_pillow(Image.fromarray(values, "RGBA"))
    stream = io.BytesIO()
    picture.save(stream, quality=95, exif=exif.tobytes())
    got = read_bytes(stream.getvalue(), "photo.heic")
    assert (got.signal.width, got.signal.height) == (64, 48)
    expected = 255 - (255 - values[..., :3].astype(float)) * values[..., 3:] / 255
    assert np.abs(got.signal.values - expected).mean() < 3
    assert got.about.copyright == "(c) Ann"
    assert got.notes == ("Its transparency was laid on white.",)
    assert got.metadata == ("EXIF",)
    for part in (0.3, 0.9):
        cut = stream.getvalue()[: int(part * len(stream.getvalue()))]
        refusal(lambda c=cut: read_bytes(c, "photo.heic"), "photo.heic")


JXL = pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16"])


@JXL
def test_jpeg_xl(mode: str) -> None:
    from pillow_jxl import Encoder

    values = np.rint(255 * ramp({"RGB": 3, "RGBA": 4}.get(mode, 1))).astype(np.uint8)
    data = sixteen(ramp(1)) if mode == "I;16" else values
    encoder = Encoder(mode=mode, lossless=True, quality=100, decoding_speed=0, effort=3,
                      use_container=False, use_original_profile=True, num_threads=1)  # fmt: skip
    content = encoder(data.tobytes(), 40, 24, jpeg_encode=False)
    got = read_bytes(bytes(content), "photo.jxl").signal
    if mode == "I;16":  # of which the encoder says that they are linear
        linear = 255 * encode_srgb(data / 65535)
        expected = np.broadcast_to(linear, (24, 40, 3))
    else:
        expected = np.broadcast_to(values[..., :3].astype(float), (24, 40, 3))
        if mode == "RGBA":
            expected = 255 - (255 - expected) * (values[..., 3:] / 255)
    assert np.abs(got.levels() - expected).max() <= 1
    refusal(lambda: read_bytes(bytes(content), "photo.jxl", max_pixels=900), "photo.jxl")
    assert "damaged" in refusal(lambda: read_bytes(bytes(content[:20]), "p.jxl"), "p.jxl")


def test_jpeg_in_jpeg_xl_is_the_jpeg(tmp_path: Path) -> None:
    from pillow_jxl import Encoder

    exif = Image.Exif()
    exif[0x112] = 6
    photo = image_bytes(np.rint(255 * ramp()).astype(np.uint8), "JPEG", quality=90, exif=exif)
    encoder = Encoder(mode="RGB", lossless=True, quality=100, decoding_speed=0, effort=3,
                      use_container=True, use_original_profile=True, num_threads=1)  # fmt: skip
    wrapped = bytes(encoder(photo, 40, 24, jpeg_encode=True))
    np.testing.assert_array_equal(
        read_bytes(wrapped, "a").signal.values, read_bytes(photo, "a").signal.values
    )


def test_jpeg_2000_of_twelve_bits_in_sixteen() -> None:
    deep = sixteen(ramp(1))[..., 0]
    content = image_bytes(Image.fromarray(deep), "JPEG2000")
    np.testing.assert_allclose(read_levels(content)[..., 0], deep * STEP, rtol=1e-5)


def test_arrays_of_16_bits_and_floating_point_are_deep() -> None:
    for array in (sixteen(ramp()), ramp(), ramp().astype(np.float32)):
        signal = to_signal(array)
        assert signal.deep is not None
        np.testing.assert_allclose(signal.levels(), 255 * ramp(), atol=0.003)


def test_deep_pictures_are_written_without_loss(tmp_path: Path) -> None:
    signal = Signal.image(sixteen(ramp()))
    save(signal, tmp_path / "deep.png")
    content = (tmp_path / "deep.png").read_bytes()
    assert content[24:26] == b"\x10\x02"  # 16 bits of red, green and blue
    assert Image.open(io.BytesIO(content)).size == (40, 24)
    again = load(tmp_path / "deep.png")
    assert again.deep is not None
    np.testing.assert_array_equal(again.deep, sixteen(ramp()))


def test_eight_bits_of_sixteen_are_the_nearest() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(Signal.image(every).values, np.rint(every / 257))
