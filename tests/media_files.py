"""Sound and video files as cameras, telephones and stations make them, made on the fly."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

PITCHES_HZ = (300, 400, 500, 60, 700, 800, 900, 1000)


def tones(layout: str, rate: int = 48000, samples: int = 48000) -> NDArray[np.float32]:
    """Shape (channels, samples): in the order of WAVE files, a pitch of its own in each channel."""
    channels = len(av.AudioLayout(layout).channels)
    t_s = np.arange(samples) / rate
    waves = [0.4 * np.sin(2 * np.pi * pitch * t_s) for pitch in PITCHES_HZ[:channels]]
    return np.stack(waves).astype(np.float32)


def pitches(values: NDArray[np.float32], rate: int) -> list[float]:
    """The loudest frequency of each channel in Hz."""
    spectra = np.abs(np.fft.rfft(values * np.hanning(values.shape[1])))
    return (spectra.argmax(axis=1) * rate / values.shape[1]).tolist()


def sound_bytes(
    values: NDArray[np.float32],
    rate: int,
    codec: str,
    form: str,
    layout: str,
    metadata: dict[str, str] | None = None,
    tracks: int = 1,
) -> bytes:
    """A file of one clip, in `tracks` equal tracks."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=form) as container:
        container.metadata.update(metadata or {})
        added = [container.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for each in added:
            _encode_sound(container, each, values, rate, layout)
    return stream.getvalue()


def video_bytes(
    colours: list[tuple[int, int, int]],
    *,
    codec: str = "libx264",
    form: str = "mp4",
    pixels: str = "yuv444p",
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    sound: NDArray[np.float32] | None = None,
    rotation: int = 0,
    tags: dict[str, int] | None = None,
) -> bytes:
    """A video of frames of one colour each, and mono sound of 48 kHz if there is any."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=form) as container:
        # PyAV 18.1 now and then fails to write two frames of x265 that it reorders.
        options = {"x265-params": "bframes=0"} if codec == "libx265" else {}
        film = container.add_stream(codec, rate=rate, options=options)
        film.width, film.height = size
        film.pix_fmt, film.time_base = pixels, Fraction(1, rate)
        for name, code in (tags or {}).items():
            setattr(film.codec_context, name, code)
        if rotation:
            film.set_display_rotation(rotation)
        track = None
        if sound is not None:
            encoder = "libopus" if form == "webm" else "aac"
            track = container.add_stream(encoder, rate=48000, layout="mono")
        for number, colour in enumerate(colours):
            picture = np.broadcast_to(np.uint8(colour), (size[1], size[0], 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
        if track is not None and sound is not None:
            _encode_sound(container, track, sound, 48000, "mono")
    return stream.getvalue()


def _encode_sound(
    container: av.container.OutputContainer,
    track: av.AudioStream,
    values: NDArray[np.float32],
    rate: int,
    layout: str,
) -> None:
    frame = av.AudioFrame.from_ndarray(values, format="fltp", layout=layout)
    frame.sample_rate = rate
    context = track.codec_context
    resampler = av.AudioResampler(
        format=context.format or context.codec.audio_formats[0].name,
        layout=layout,
        rate=rate,
        frame_size=context.frame_size or None,
    )
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(track.encode(part))
    container.mux(track.encode(None))
