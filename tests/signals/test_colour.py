"""Colours: whatever a file says of them, the same picture comes out in sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from signal_files import image_bytes

from combiner_core.signals.colour import cicp, icc, primaries, transfer
from combiner_core.signals.colour.encoding import Encoding
from combiner_core.signals.colour.primaries import BT709, Primaries
from combiner_core.signals.files import read_bytes
from combiner_core.signals.image_files import boxes

# colours that all of these spaces have, and grey
PATCHES = np.array(
    [[200, 60, 40], [60, 160, 80], [40, 80, 180], [128, 128, 128], [220, 200, 90], [12, 8, 20]]
)
WHITE_CD_M2 = 203.0


def reference() -> NDArray[np.uint8]:
    """The picture, in sRGB."""
    return np.repeat(np.repeat(PATCHES.reshape(2, 3, 3), 8, 0), 8, 1).astype(np.uint8)


def light() -> NDArray[np.float64]:
    """The same in linear sRGB."""
    values = reference() / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def in_space(space: Primaries) -> NDArray[np.float64]:
    """The same in linear light of another space."""
    return (light() @ np.linalg.solve(space.to_pcs(), BT709.to_pcs()).T).clip(0, 1)


def srgb_curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


def power(gamma: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda values: values ** (1 / gamma)


def pq(values: NDArray[np.float64]) -> NDArray[np.float64]:
    y = (values * WHITE_CD_M2 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of light on a display of 1000 cd/m2 with white at 203."""
    shown = values * WHITE_CD_M2 / 1000
    luminance = np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None]
    scene = shown * luminance ** (1 / 1.2 - 1)
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def png(values: NDArray[np.float64], bits: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """An RGB file of numbers from 0 to 1 with chunks before its pixels."""
    whole = np.rint(values * ((1 << bits) - 1)).astype(">u2" if bits == 16 else "u1")
    rows = b"".join(b"\0" + row.tobytes() for row in whole)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def cicp_chunk(primaries_code: int, transfer_code: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries_code, transfer_code, 0, 1])


def gamma_chunk(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100_000 * gamma))


def chromaticity_chunk(space: Primaries) -> tuple[bytes, bytes]:
    pairs = (space.white, space.red, space.green, space.blue)
    return b"cHRM", struct.pack(">8I", *(round(100_000 * x) for pair in pairs for x in pair))


def icc_chunk(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"profile\0\0" + zlib.compress(profile)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def matrix_profile(space: Primaries, curve: bytes) -> bytes:
    """A profile of three colours and one curve, as screens have them."""
    columns = np.rint(space.to_pcs().T * 65536).astype(int).tolist()
    white = [round(65536 * x) for x in (0.9642, 1.0, 0.8249)]
    data = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *column)
        for name, column in zip(
            (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), [*columns, white], strict=True
        )
    }
    data |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    data |= {b"desc": b"desc\0\0\0\0\0\0\0\x02x\0" + bytes(78), b"cprt": b"text\0\0\0\0x\0\0\0"}
    return assembled(data, b"RGB ")


def assembled(data: dict[bytes, bytes], space: bytes) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(data)
    for name, part in data.items():
        table += struct.pack(">4sII", name, start + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    total = start + len(body)
    header = struct.pack(">I4sI4s4s4s", total, bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    return header + struct.pack(">I", len(data)) + table + body


def parametric(kind: int, *numbers: float) -> bytes:
    body = struct.pack(f">{len(numbers)}i", *(round(65536 * x) for x in numbers))
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + body


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def error(content: bytes) -> float:
    """Largest difference from the reference in levels."""
    signal = read_bytes(content, "photo").signal
    return float(np.abs(signal.levels() - reference()).max())


P3, WIDE, ADOBE = primaries.DISPLAY_P3, primaries.BT2020, primaries.ADOBE_RGB

CODED = [
    (12, 13, P3, srgb_curve),
    (9, 13, WIDE, srgb_curve),
    (9, 14, WIDE, srgb_curve),
    (1, 1, BT709, srgb_curve),
    (1, 8, BT709, lambda values: values),
    (1, 4, BT709, power(2.2)),
    (5, 5, primaries.BT470BG, power(2.8)),
    (11, 13, primaries.DCI_P3, srgb_curve),
    (9, 16, WIDE, pq),
    (12, 16, P3, pq),
    (9, 18, WIDE, hlg),
]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("space_code", "curve_code", "space", "curve"), CODED)
def test_code_points(
    bits: int, space_code: int, curve_code: int, space: Primaries, curve: Callable
) -> None:
    content = png(curve(in_space(space)), bits, cicp_chunk(space_code, curve_code))
    coarse = 3.0 if curve_code not in (8, 16, 18) else 12.0
    assert error(content) <= (coarse if bits == 8 else 0.6)
    is_changed = (space_code, curve_code) != (1, 1)
    assert (read_bytes(content, "photo").signal.deep is not None) == (bits == 16 and is_changed)


@pytest.mark.parametrize("bits", [8, 16])
def test_profiles_of_matrix_and_curves(bits: int) -> None:
    for space, curve, how in (
        (P3, SRGB_CURVE, srgb_curve),
        (ADOBE, b"curv\0\0\0\0\0\0\0\x01\x02\x33", power(563 / 256)),
        (WIDE, parametric(0, 2.4), power(2.4)),
    ):
        content = png(how(in_space(space)), bits, icc_chunk(matrix_profile(space, curve)))
        assert error(content) <= (3 if bits == 8 else 0.6)


def test_a_profile_that_names_code_points() -> None:
    profile = matrix_profile(WIDE, parametric(0, 2.4))
    named = assembled({b"cicp": b"cicp\0\0\0\0\x09\x10\0\x01", b"rTRC": SRGB_CURVE}, b"RGB ")
    assert icc.encoding_of(profile) is not None
    assert error(png(pq(in_space(WIDE)), 16, icc_chunk(named))) <= 0.6


def test_profile_of_tables_is_applied_to_deep_pictures() -> None:
    lab = {b"A2B0": b"mft1" + bytes(100)}
    assert icc.encoding_of(assembled(lab, b"RGB ")) is None
    # damaged, so it is left
    assert error(png(reference() / 255, 16, icc_chunk(assembled(lab, b"RGB ")))) == 0


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.6, 0.5])
def test_gamma(gamma: float) -> None:
    assert error(png(light() ** gamma, 16, gamma_chunk(gamma))) <= 0.6
    assert error(png(light() ** gamma, 8, gamma_chunk(gamma))) <= (3 if gamma < 0.9 else 12)


def test_gamma_of_srgb_means_srgb() -> None:
    assert error(png(reference() / 255, 8, gamma_chunk(0.45455), chromaticity_chunk(BT709))) == 0
    assert error(png(reference() / 255, 8, gamma_chunk(0.45455))) == 0


def test_gamma_and_chromaticities() -> None:
    content = png(in_space(ADOBE) ** (1 / 2.2), 16, gamma_chunk(1 / 2.2), chromaticity_chunk(ADOBE))
    assert error(content) <= 0.6
    only = png(srgb_curve(in_space(P3)), 16, chromaticity_chunk(P3))
    assert error(only) <= 0.6


def test_what_is_believed_first() -> None:
    right, wrong = cicp_chunk(12, 13), gamma_chunk(1.0)
    values = srgb_curve(in_space(P3))
    profile = icc_chunk(matrix_profile(P3, SRGB_CURVE))
    assert error(png(values, 8, right, icc_chunk(srgb_profile()), wrong)) <= 3
    assert error(png(values, 8, profile, wrong)) <= 3
    assert error(png(reference() / 255, 8, (b"sRGB", b"\0"), wrong)) == 0
    # reserved code points mean nothing, so what comes next is believed
    assert error(png(values, 8, cicp_chunk(3, 13), profile)) <= 3


@pytest.mark.parametrize("exif_space", [2, 65535])
def test_cameras_that_say_adobe_rgb(exif_space: int) -> None:
    stored = np.rint(255 * power(563 / 256)(in_space(ADOBE))).astype(np.uint8)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = exif_space
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    content = image_bytes(stored, "JPEG", quality=100, subsampling=0, exif=exif)
    assert error(content) <= 6
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}
    exif.get_ifd(0x8769)[0xA001] = 1
    plain = image_bytes(reference(), "JPEG", quality=100, subsampling=0, exif=exif)
    assert error(plain) <= 3


def avif_in(space_code: int, values: NDArray[np.float64]) -> bytes:
    stored = np.rint(255 * values).astype(np.uint8)
    content = image_bytes(stored, "AVIF", quality=100, subsampling="4:4:4", speed=8)
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">H", space_code) + content[place + 2 :]


def test_nclx_of_avif() -> None:
    assert boxes.properties(avif_in(12, in_space(P3))).nclx == (12, 13)
    assert error(avif_in(12, srgb_curve(in_space(P3)))) <= 4
    # eight bits with loss, and colours that grow farther apart
    assert error(avif_in(9, srgb_curve(in_space(WIDE)))) <= 9


def test_nclx_of_heif() -> None:
    stored = np.rint(255 * srgb_curve(in_space(P3))).astype(np.uint8)
    stream = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(stored))
    picture.save(stream, quality=-1, chroma=444, save_nclx_profile=True, color_primaries=12,
                 transfer_characteristics=13, matrix_coefficients=0, full_range_flag=1)  # fmt: skip
    assert error(stream.getvalue()) <= 4


def test_colours_that_srgb_lacks_are_told() -> None:
    values = np.zeros((16, 16, 3))
    values[:, :4, 1] = 1.0
    got = read_bytes(png(values, 8, cicp_chunk(12, 13)), "photo")
    assert got.notes == ("25 % of its pixels have colours beyond sRGB: clipped.",)
    bright = read_bytes(png(np.full((16, 16, 3), 0.75), 16, cicp_chunk(9, 16)), "photo")
    assert bright.notes == (
        "100 % of its pixels have colours beyond sRGB, or are brighter than white (203 cd/m2): "
        "clipped.",
    )
    assert bright.signal.values.min() == 255


@pytest.mark.parametrize("chunks", [
    (cicp_chunk(12, 13),),
    (gamma_chunk(1.0),),
    (icc_chunk(matrix_profile(P3, SRGB_CURVE)),),
    (cicp_chunk(9, 18),),
])  # fmt: skip
@pytest.mark.parametrize("bits", [8, 16])
def test_grey_stays_grey(chunks: tuple, bits: int) -> None:
    ramp = np.linspace(0, 1, 16 * 16).reshape(16, 16, 1).repeat(3, axis=2)
    got = read_bytes(png(ramp, bits, *chunks), "photo").signal
    pixels = got.values if got.deep is None else got.deep
    assert np.ptp(pixels.astype(int), axis=2).max() == 0


@given(data=st.binary(max_size=400), keep=st.integers(0, 128))
def test_hostile_profiles_are_left(data: bytes, keep: int) -> None:
    start = matrix_profile(P3, SRGB_CURVE)
    for hostile in (data, start[:keep] + data, start[: 132 + keep] + data):
        try:
            found = icc.encoding_of(hostile)
        except ValueError:
            continue
        if found is not None:
            pixels, _ = found.to_srgb(reference())
            assert pixels.shape == reference().shape


def test_impossible_primaries_are_refused() -> None:
    for corner in ((0.64, 0.0), (float("nan"), 0.3), (0.3, -1.0)):
        with pytest.raises(ValueError, match="positive"):
            Primaries(corner, (0.3, 0.6), (0.15, 0.06))
    with pytest.raises(ValueError, match="line"):
        Primaries((0.64, 0.33), (0.64, 0.33), (0.15, 0.06))
    broken = png(reference() / 255, 8, (b"cHRM", bytes(32)))
    assert error(broken) == 0


def test_white_and_black_stay() -> None:
    for code in (1, 4, 5, 8, 13, 14):
        found = cicp.encoding_of(12, code)
        assert found is not None
        corners = np.array([[[0, 0, 0], [65535, 65535, 65535]]], np.uint16)
        np.testing.assert_array_equal(found.to_srgb(corners)[0], corners)


def test_an_encoding_of_srgb_is_recognised() -> None:
    assert Encoding.of(BT709, transfer.SRGB).is_srgb
    assert not Encoding.of(P3, transfer.SRGB).is_srgb
    assert not Encoding.of(BT709, transfer.Parametric(2.2)).is_srgb
    found = icc.encoding_of(srgb_profile())
    assert found is not None
    assert found.is_srgb
