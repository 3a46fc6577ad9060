"""Sound files of all kinds, read whole: which reader gets which, and in which parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from combiner_core.errors import SignalError
from combiner_core.signals.audio_files import libav, libsndfile, mpeg_parts, ogg_links
from combiner_core.signals.audio_files.channels import VORBIS_ORDER, wave_order
from combiner_core.signals.audio_files.clip import Clip, check_parts, joined, too_long
from combiner_core.signals.audio_files.lengths import is_cut_short

_SAMPLES = (b"RIFF", b"RF64", b"BW64", b"FORM", b".snd")
# a stream of FLAC begins with a block of this type and length, the last one or not
_FLAC_STARTS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_OPUS_SURROUND = b"\x01"  # the family of channels with the loudspeakers of Vorbis
_ID3V1 = b"TAG"
_ID3V1_BYTES = 128


def read_clip(content: bytes, name: str, max_samples: int) -> Clip | None:
    """All samples of a sound file, or of the sound of a video.

    Lengths in headers are not believed where the file itself shows another; that samples are
    missing is told where that can be known.

    Args:
        content: its bytes.
        name: for errors.
        max_samples: most samples accepted, over all channels.

    Returns:
        ``None`` if it is nothing with sound that is known.

    Raises:
        SignalError: it is damaged, incomplete, has too many samples, or changes on its way.
    """
    if is_cut_short(content):
        raise SignalError(f"{name} is incomplete: it ends before the length it states.")
    if content.startswith(_SAMPLES):
        clip = libsndfile.read(content, name, max_samples)
    elif content.startswith(b"OggS"):
        clip = _ogg(content, name, max_samples)
    elif content.startswith(_FLAC_STARTS):
        clip = _flac(content, name, max_samples)
    else:
        clip = _mpeg(content, name, max_samples)
    if clip is None:
        clip = libav.read(content, name, max_samples)
    return libsndfile.read(content, name, max_samples) if clip is None else clip


def _ogg(content: bytes, name: str, max_samples: int) -> Clip | None:
    chain = ogg_links.split(content)
    if chain.is_cut_short:
        raise SignalError(f"{name} is incomplete: it ends within a page.")
    if not chain.links:
        return None
    check_parts(len(chain.links), name)
    clips: list[Clip] = []
    for link in chain.links:
        left = max_samples - sum(clip.samples.size for clip in clips)
        clip = _ogg_link(link, name, left)
        if clip is None:
            return None
        clips.append(clip)
    clip = joined(clips, name)
    notes = clip.notes
    if any(link.open_streams for link in chain.links):
        notes += ("Nothing marks the end of its sound: some of it may be missing.",)
    return _noted(clip, notes, chain.skipped)


def _ogg_link(link: ogg_links.Link, name: str, max_samples: int) -> Clip | None:
    content = bytes(link.content)
    (head, *others) = link.heads or [b""]
    is_vorbis = head.startswith(b"\x01vorbis")
    if others or not (is_vorbis or head.startswith(b"OpusHead")):
        return libav.read(content, name, max_samples, form="ogg")
    # libav leaves out the start of some files of Vorbis
    clip = libsndfile.read(content, name, max_samples)
    speakers = VORBIS_ORDER.get(len(clip.samples)) if clip is not None else None
    if clip is None or speakers is None or not (is_vorbis or head[18:19] == _OPUS_SURROUND):
        return clip
    order, mask = wave_order(speakers)
    return replace(clip, samples=clip.samples[order], channel_mask=mask)


def _flac(content: bytes, name: str, max_samples: int) -> Clip | None:
    if content[-_ID3V1_BYTES:].startswith(_ID3V1):
        content = content[:-_ID3V1_BYTES]
    starts = sorted({place for start in _FLAC_STARTS for place in _places(content, start)})
    ends = [*starts[1:], len(content)]
    parts = [content[start:end] for start, end in zip(starts, ends, strict=True)]
    return _parts(parts, name, max_samples, "flac")


def _mpeg(content: bytes, name: str, max_samples: int) -> Clip | None:
    streams = mpeg_parts.split(content, max_samples)
    if streams is None:
        return None
    if streams.samples > max_samples:
        raise too_long(name, max_samples)
    parts = [part for part in streams.parts if part.frames]
    if any(part.stated_frames and part.frames < part.stated_frames for part in parts):
        raise SignalError(f"{name} is incomplete: it ends before the length it states.")
    clip = _parts([bytes(part.content) for part in parts], name, max_samples, "mp3")
    if clip is None:
        return None
    notes = clip.notes
    if streams.missing:
        notes += ("Its last frame is not whole and was left out.",)
    about, metadata = libav.said(content)
    return _noted(replace(clip, about=about, metadata=metadata), notes, streams.skipped)


def _parts(parts: list[bytes], name: str, max_samples: int, form: str) -> Clip | None:
    check_parts(len(parts), name)
    clips: list[Clip] = []
    left = max_samples
    for part in parts:
        clip = libav.read(part, name, left, form=form)
        if clip is None:
            return None
        left -= clip.samples.size
        clips.append(clip)
    return joined(clips, name)


def _noted(clip: Clip, notes: tuple[str, ...], skipped: int) -> Clip:
    if skipped:
        notes += (f"{skipped:,} bytes that are no sound were left out.",)
    return replace(clip, notes=notes)


def _places(content: bytes, pattern: bytes) -> Iterator[int]:
    place = content.find(pattern)
    while place >= 0:
        yield place
        place = content.find(pattern, place + 1)
