"""Codecs for sound: Opus for speech and for music, MP3, Vorbis."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Literal

import numpy as np
import soundfile as sf

from benchmarks.baselines.baseline import Baseline
from combiner_core.codecs import OPUS_RATES, Codec, at_supported_rate, sndfile_decode
from combiner_core.signals import Signal

_OPUS_KBPS = (6, 8, 12, 16, 24, 32, 48, 96)
_MP3_KBPS = (8, 16, 24, 32, 48, 96)
_MP3_RATES = (16000, 22050, 24000, 32000, 44100, 48000)
# levels of libsndfile: 1 is the smallest file
_VORBIS_LEVELS = (0.999, 0.9, 0.8, 0.6, 0.4)


def packet_bytes(file: bytes) -> int:
    """Size of what the packets of a file of one stream hold, without its container and headers."""
    import av

    with av.open(io.BytesIO(file), "r") as container:
        return sum(packet.size for packet in container.demux(audio=0))


def _ffmpeg_encoder(
    encoder: str,
    container: str,
    sample_format: Literal["flt", "fltp"],
    rates: tuple[int, ...],
    options: Mapping[str, str],
) -> Callable[[Signal, float], bytes]:
    """An encoder of FFmpeg by its bit rate; "flt" is of samples with channels in turn."""

    def encode(signal: Signal, kbps: float) -> bytes:
        import av

        supported = at_supported_rate(signal, rates)
        samples = np.ascontiguousarray(supported.values, np.float32)
        if sample_format == "flt":
            samples = samples.T.reshape(1, -1)
        layout = "mono" if signal.channels == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(samples, format=sample_format, layout=layout)
        frame.sample_rate = supported.sample_rate
        stream_file = io.BytesIO()
        with av.open(stream_file, "w", format=container) as output:
            stream = output.add_stream(
                encoder,
                rate=supported.sample_rate,
                options=dict(options),
                format=sample_format,
                layout=layout,
                bit_rate=round(1000 * kbps),
            )
            for source in (frame, None):
                output.mux(stream.encode(source))
        return stream_file.getvalue()

    return encode


def _ffmpeg(name: str, codec: Codec, settings: str) -> Baseline:
    def encoder() -> str:
        import av

        library = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"PyAV {version('av')}, libavcodec {library}, {settings}"

    return Baseline(name, codec, codec.settings, encoder, packet_bytes)


def _opus(application: str) -> Baseline:
    options = {
        "application": application,
        "vbr": "on",
        "compression_level": "10",
        "frame_duration": "20",
    }
    name = f"opus ({application})"
    encode = _ffmpeg_encoder("libopus", "ogg", "flt", OPUS_RATES, options)
    codec = Codec(name, "audio", _OPUS_KBPS, encode, sndfile_decode)
    settings = f"libopus, application={application}, VBR, complexity 10, frames of 20 ms"
    return _ffmpeg(name, codec, settings)


def _mp3() -> Baseline:
    encode = _ffmpeg_encoder(
        "libmp3lame", "mp3", "fltp", _MP3_RATES, {"abr": "1", "compression_level": "0"}
    )
    codec = Codec("mp3", "audio", _MP3_KBPS, encode, sndfile_decode)
    return _ffmpeg("mp3", codec, "LAME, ABR, quality 0")


def _vorbis() -> Baseline:
    def encoder() -> str:
        return (
            f"libvorbis of libsndfile {sf.__libsndfile_version__.removeprefix('libsndfile-')}, VBR"
        )

    return Baseline("vorbis", "vorbis", _VORBIS_LEVELS, encoder, packet_bytes)


SOUND_BASELINES = (_opus("voip"), _opus("audio"), _mp3(), _vorbis())
