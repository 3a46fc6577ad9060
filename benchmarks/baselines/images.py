"""Codecs for pictures: AVIF tuned for PSNR and for looks, JPEG XL, WebP, JPEG 2000, JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from PIL import features

from benchmarks.baselines.baseline import Baseline
from combiner_core.codecs import AvifTune, Codec, avif, pillow_codec
from combiner_core.signals import Signal

_AVIF_POINTS = (2, 10, 22, 40, 60, 78)
_JXL_POINTS = (0, 10, 20, 40, 65, 85)
_BPP_OF_JPEG_2000 = (0.05, 0.1, 0.2, 0.4, 0.75, 1.4)


def _avif(tune: AvifTune, speed: int, name: str) -> Baseline:
    def encoder() -> str:
        from PIL import _avif as library

        encoders = library.codec_versions()
        aom = next(part for part in encoders.split(", ") if part.startswith("aom"))
        settings = f"tune={tune}, speed {speed}, 4:4:4"
        return f"libavif {library.libavif_version}, {aom}, {settings}"

    return Baseline(name, avif(name, tune, speed, max_threads=1), _AVIF_POINTS, encoder)


def _jxl_options(quality: float) -> Mapping[str, object]:
    return {"quality": int(quality), "effort": 7, "num_threads": 1}


def _jxl() -> Codec:
    plain = pillow_codec("jxl", "JXL", range(101), _jxl_options)

    def encode(signal: Signal, setting: float) -> bytes:
        import pillow_jxl  # noqa: F401  registers the format

        return plain.encode(signal, setting)

    return Codec("jxl", "image", plain.settings, encode, plain.decode)


def _of_pillow(name: str, feature: str, settings: str, points: tuple[float, ...]) -> Baseline:
    def encoder() -> str:
        return f"{feature} {features.version(feature)} of Pillow, {settings}"

    return Baseline(name, name, points, encoder)


IMAGE_BASELINES = (
    _avif("psnr", 6, "avif (tune=psnr)"),
    _avif("iq", 6, "avif (tune=iq)"),
    _avif("psnr", 2, "avif (tune=psnr), speed 2"),
    _avif("iq", 2, "avif (tune=iq), speed 2"),
    Baseline(
        "jxl",
        _jxl(),
        _JXL_POINTS,
        lambda: f"libjxl of pillow-jxl-plugin {version('pillow-jxl-plugin')}, effort 7",
    ),
    _of_pillow("webp", "webp", "method 6", (0, 12, 30, 55, 75, 88)),
    _of_pillow(
        "jpeg2000",
        "jpg_2000",
        "irreversible",
        tuple(round(24 / bpp, 3) for bpp in _BPP_OF_JPEG_2000),
    ),
    _of_pillow("jpeg", "libjpeg_turbo", "optimised, progressive", (3, 12, 25, 45, 70, 86)),
)
