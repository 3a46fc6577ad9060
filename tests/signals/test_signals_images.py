"""Image files: every kind that people have, and every way in which one can be broken."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from signal_files import image_bytes, picture, refusal

from combiner_core.signals import Signal, load, load_image


def png_chunks(width: int, height: int, depth: int, colour: int, *chunks: tuple[bytes, bytes]):
    """PNG file put together by hand, for what Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def largest_error(signal: Signal, expected: NDArray[np.generic]) -> int:
    assert signal.values.shape == expected.shape
    return int(np.abs(signal.values.astype(int) - expected.astype(int)).max())


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".wav", ""])
def test_lossless_formats_are_read_exactly_by_content(
    tmp_path: Path, file_format: str, options: dict[str, object], suffix: str
) -> None:
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(image_bytes(picture(), file_format, **options))
    for signal in (load(path), load_image(str(path))):
        assert signal.kind == "image"
        np.testing.assert_array_equal(signal.values, picture())


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("WEBP", {"quality": 95}),
        ("AVIF", {"quality": 95}),
        ("MPO", {"quality": 95, "subsampling": 0, "save_all": True}),
    ],
)
def test_lossy_formats_are_read_closely(
    tmp_path: Path, file_format: str, options: dict[str, object]
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(image_bytes(picture(48, 80), file_format, **options))
    assert largest_error(load(path), picture(48, 80)) < 24


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_is_read(tmp_path: Path, file_format: str) -> None:
    frames = [Image.new("RGB", (12, 10), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = image_bytes(
        frames[0], file_format, save_all=True, append_images=frames[1:], **options
    )
    (tmp_path / "film").write_bytes(content)
    np.testing.assert_array_equal(
        load(tmp_path / "film").values, np.broadcast_to(np.uint8([255, 0, 0]), (10, 12, 3))
    )


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("1", "PNG"), ("L", "PNG"), ("L", "JPEG2000"), ("P", "PNG"), ("P", "GIF"), ("CMYK", "TIFF")],
)
def test_opaque_modes_become_rgb(tmp_path: Path, mode: str, file_format: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    (tmp_path / "photo").write_bytes(image_bytes(image, file_format))
    assert largest_error(load(tmp_path / "photo"), np.asarray(image.convert("RGB"))) == 0


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    image = Image.fromarray(picture(48, 80)).convert("CMYK")
    (tmp_path / "print.jpg").write_bytes(image_bytes(image, "JPEG", quality=98))
    assert largest_error(load(tmp_path / "print.jpg"), picture(48, 80)) < 16


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(picture()), srgb, lab, outputMode="LAB")
    assert image is not None
    image.info.clear()
    (tmp_path / "photo.tif").write_bytes(image_bytes(image, "TIFF"))
    # Eight bits of CIELAB are coarser than eight bits of sRGB where colours are saturated.
    signal = load(tmp_path / "photo.tif")
    assert np.abs(signal.values.astype(int) - picture()).mean() < 2


@pytest.mark.parametrize(
    ("mode", "file_format", "options"),
    [
        ("RGBA", "PNG", {}),
        ("RGBA", "TIFF", {}),
        ("RGBA", "JPEG2000", {}),
        ("RGBA", "WEBP", {"lossless": True, "exact": True}),
        ("LA", "PNG", {}),
        ("LA", "TIFF", {}),
    ],
)
def test_alpha_is_laid_on_white(
    tmp_path: Path, mode: str, file_format: str, options: dict[str, object]
) -> None:
    opacity = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (24, 1))
    image = Image.fromarray(picture()).convert(mode)
    image.putalpha(Image.fromarray(opacity))
    (tmp_path / "logo").write_bytes(image_bytes(image, file_format, **options))
    colours = np.asarray(image.convert("RGB")).astype(float)
    weight = opacity[..., None] / 255
    expected = np.rint(weight * colours + (1 - weight) * 255)
    assert largest_error(load(tmp_path / "logo"), expected) <= 1


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_transparent_palette_entry_becomes_white(tmp_path: Path, file_format: str) -> None:
    indices = np.zeros((10, 12), np.uint8)
    indices[:, 6:] = 1
    image = Image.fromarray(indices)
    image.putpalette([200, 0, 0, 0, 0, 200])
    (tmp_path / "logo").write_bytes(image_bytes(image, file_format, transparency=1))
    pixels = load(tmp_path / "logo").values
    np.testing.assert_array_equal(pixels[:, :6], np.full((10, 6, 3), [200, 0, 0]))
    np.testing.assert_array_equal(pixels[:, 6:], np.full((10, 6, 3), 255))


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_transparent_colour_becomes_white(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (12, 10), 0)
    key = (0, 0, 0) if mode == "RGB" else 0
    (tmp_path / "logo.png").write_bytes(image_bytes(image, "PNG", transparency=key))
    assert load(tmp_path / "logo.png").values.min() == 255


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG2000"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, file_format: str) -> None:
    deep = np.linspace(0, 65535, 16 * 16).reshape(16, 16).astype(np.uint16)
    (tmp_path / "scan").write_bytes(image_bytes(deep, file_format))
    expected = np.repeat(np.rint(deep / 257)[..., None], 3, axis=-1)
    assert largest_error(load(tmp_path / "scan"), expected) == 0


def test_transparent_16_bit_grey_becomes_white(tmp_path: Path) -> None:
    deep = np.full((10, 12), 1000, np.uint16)
    deep[:, 6:] = 2000
    (tmp_path / "scan.png").write_bytes(image_bytes(deep, "PNG", transparency=2000))
    np.testing.assert_array_equal(load(tmp_path / "scan.png").values[0, :, 0], [4] * 6 + [255] * 6)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 65535, np.int32),  # 16 bits in a larger type
        (-5000, 2**30, np.int32),
        (0, 1, np.float32),
        (-3, 700, np.float32),
    ],
)
def test_deep_grey_uses_its_whole_range(
    tmp_path: Path, low: float, high: float, dtype: type[np.generic]
) -> None:
    ramp = np.linspace(low, high, 16 * 16).reshape(16, 16).astype(dtype)
    (tmp_path / "scan.tif").write_bytes(image_bytes(ramp, "TIFF"))
    expected = np.rint(np.linspace(0, 255, 16 * 16)).reshape(16, 16, 1).repeat(3, axis=-1)
    assert largest_error(load(tmp_path / "scan.tif"), expected) <= 1


def test_float_grey_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(image_bytes(np.full((10, 10), np.nan, np.float32), "TIFF"))
    assert "finite" in refusal(lambda: load(path), "scan.tif")


@pytest.mark.parametrize(("colour", "planes"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_png_with_colour_or_alpha(tmp_path: Path, colour: int, planes: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (16, 16, planes))
    if planes != 3:
        deep[..., -1] = 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    content = png_chunks(16, 16, 16, colour, (b"IDAT", zlib.compress(rows)))
    (tmp_path / "photo.png").write_bytes(content)
    shown = np.repeat(deep[..., :1], 3, axis=-1) if planes == 2 else deep[..., :3]
    assert largest_error(load(tmp_path / "photo.png"), shown / 257) <= 1


UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    options |= {"quality": 98, "subsampling": 0} if file_format == "JPEG" else {}
    (tmp_path / "photo").write_bytes(image_bytes(picture(), file_format, exif=exif, **options))
    error = largest_error(load(tmp_path / "photo"), UPRIGHT[orientation](picture()))
    assert error <= (24 if file_format == "JPEG" else 0)


def profile_with_red_and_green_exchanged() -> bytes:
    """A valid profile whose first primary is sRGB's green, and whose second is its red."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return icc.replace(b"rXYZ", b"tmp0").replace(b"gXYZ", b"rXYZ").replace(b"tmp0", b"gXYZ")


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_icc_profile_is_converted_to_srgb(tmp_path: Path, file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = image_bytes(
        picture(), file_format, icc_profile=profile_with_red_and_green_exchanged(), **options
    )
    (tmp_path / "photo").write_bytes(content)
    assert largest_error(load(tmp_path / "photo"), picture()[..., [1, 0, 2]]) <= 1


def test_icc_profile_keeps_alpha_and_serves_grey(tmp_path: Path) -> None:
    icc = profile_with_red_and_green_exchanged()
    image = Image.new("RGBA", (12, 10), (255, 0, 0, 51))
    (tmp_path / "logo.png").write_bytes(image_bytes(image, "PNG", icc_profile=icc))
    assert largest_error(load(tmp_path / "logo.png"), np.full((10, 12, 3), [204, 255, 204])) <= 1
    (tmp_path / "grey.png").write_bytes(
        image_bytes(Image.new("L", (12, 10), 90), "PNG", icc_profile=icc)
    )
    assert largest_error(load(tmp_path / "grey.png"), np.full((10, 12, 3), 90)) <= 1


@pytest.mark.parametrize("icc", [b"no profile", profile_with_red_and_green_exchanged()[:300]])
def test_broken_icc_profile_is_ignored(tmp_path: Path, icc: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(image_bytes(picture(), "PNG", icc_profile=icc))
    assert largest_error(load(tmp_path / "photo.png"), picture()) == 0


@pytest.mark.parametrize("exif", [b"no exif", b"Exif\0\0MM\0*\xff\xff\xff\xff"])
def test_broken_exif_block_is_ignored(tmp_path: Path, exif: bytes) -> None:
    (tmp_path / "photo").write_bytes(image_bytes(picture(), "PNG", exif=exif))
    assert largest_error(load(tmp_path / "photo"), picture()) == 0


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (tmp_path / "photo.png").write_bytes(image_bytes(picture(), "PNG", icc_profile=icc))
    assert largest_error(load(tmp_path / "photo.png"), picture()) == 0


def test_profile_of_other_colour_space_is_ignored(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    (tmp_path / "photo.png").write_bytes(image_bytes(picture(), "PNG", icc_profile=lab))
    assert largest_error(load(tmp_path / "photo.png"), picture()) == 0


@pytest.mark.parametrize("side", [7100, 10_000, 20_000])  # Pillow says nothing, warns, raises
def test_enormous_image_is_refused_before_decoding(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_chunks(side, side, 8, 2, (b"IDAT", zlib.compress(bytes(1000)))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refusal(lambda: load(path), "bomb.png")
    assert "25,000,000" in message or "larger" in message
    assert side == 20_000 or f"{side:,} x {side:,}" in message


def test_pixel_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(image_bytes(picture(10, 20), "PNG"))
    assert load(path, max_pixels=200).pixels == 200
    assert refusal(lambda: load(path, max_pixels=199), "photo.png") == (
        "photo.png is 20 x 10 = 200 pixels: at most 199 are accepted."
    )


def test_tiny_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(image_bytes(picture(8, 8), "PNG"))
    assert load(path).pixels == 64
    path.write_bytes(image_bytes(Image.new("RGB", (1, 1)), "PNG"))
    assert refusal(lambda: load(path), "photo.png") == (
        "photo.png is 1 x 1 pixels: an image needs at least 8 pixels on each side."
    )


@pytest.mark.parametrize(
    "file_format", ["PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "BMP", "TIFF", "GIF"]
)
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_truncated_image_is_refused(tmp_path: Path, file_format: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = image_bytes(noise, file_format)
    path = tmp_path / "photo.img"
    path.write_bytes(content[: int(part * len(content))])
    assert "damaged" in refusal(lambda: load(path), "photo.img")
    assert "damaged" in refusal(lambda: load_image(path), "photo.img")


@pytest.mark.parametrize(("value", "grey"), [(-3.0, 0), (0.0, 0), (0.5, 128), (7.0, 255)])
@pytest.mark.filterwarnings("error")
def test_a_floating_point_picture_of_one_value(value: float, grey: int, tmp_path: Path) -> None:
    path = tmp_path / "constant.tiff"
    Image.fromarray(np.full((9, 12), value, np.float32)).save(path)
    assert (load_image(path).values == grey).all()
