"""Containers as libav opens them: from memory, and of the kinds that are meant."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

# None of those that read other files, devices or networks, or show text and pictures as film.
_CONTAINERS = ",".join(
    (
        *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dts", "eac3", "flac"),
        *("flv", "matroska", "mov", "mp3", "mpeg", "mpegts", "ogg", "tta", "truehd", "w64", "wav"),
        "wv",
    )
)
_DECODERS = frozenset(
    {
        *("aac", "aac_latm", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb"),
        *("amrwb", "ape", "dca", "eac3", "flac", "gsm", "gsm_ms", "mlp", "mp1", "mp1float", "mp2"),
        *("mp2float", "mp3", "mp3float", "opus", "libopus", "speex", "truehd", "tta", "vorbis"),
        *("wavpack", "wmav1", "wmav2", "wmapro", "wmalossless"),
        *("av1", "libdav1d", "flv1", "h263", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video"),
        *("mpeg4", "msmpeg4v2", "msmpeg4v3", "prores", "theora", "vc1", "vp8", "libvpx", "vp9"),
        *("libvpx-vp9", "wmv1", "wmv2", "wmv3", "png", "rawvideo"),
    }
)
ATTACHED = 0x400  # the disposition of cover pictures
# names under which containers keep what they say of themselves, not of the recording
_TECHNICAL = frozenset(
    {
        *("encoder", "major_brand", "minor_version", "compatible_brands", "handler_name"),
        *("vendor_id", "language", "duration", "encoded_by", "itunsmpb", "software"),
        *("number_of_bytes", "number_of_frames", "bps", "encoder_options", "tsrc", "tlen"),
    }
)


@contextmanager
def opened(content: bytes, form: str | None = None) -> Iterator[InputContainer]:
    """A file's container while it is read.

    Args:
        content: of the file.
        form: the container, as libav calls it; ``None`` to guess.

    Raises:
        av.error.FFmpegError: it is none that is known, or damaged.
    """
    import av

    with av.open(
        io.BytesIO(content),
        "r",
        format=form,
        options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"},
        metadata_errors="replace",
    ) as container:
        yield container


def pictures_of(container: InputContainer) -> list[VideoStream]:
    """The streams that make a container a video: not those of cover pictures."""
    return [video for video in container.streams.video if not video.disposition & ATTACHED]


def best_sound(container: InputContainer) -> AudioStream | None:
    """The stream of sound that players choose, if there is any."""
    best = container.streams.best("audio")
    return next((each for each in container.streams.audio if each is best), None)


def can_decode(stream: Stream) -> bool:
    """Whether a stream has a decoder that strangers' files may reach."""
    context = stream.codec_context
    return context is not None and (context.name in _DECODERS or context.name.startswith("pcm_"))


def tags_of(*sources: Mapping[str, str]) -> dict[str, str]:
    """What containers and streams say of the recording, by name in small letters."""
    return {
        name.lower(): value
        for source in reversed(sources)
        for name, value in source.items()
        if value and name.lower() not in _TECHNICAL and not name.startswith("_")
    }
