"""Sound that libsndfile decodes: WAVE, AIFF, AU and other files of samples."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from types import MappingProxyType

import soundfile as sf

from combiner_core.errors import SignalError
from combiner_core.signals.about import About
from combiner_core.signals.audio_files.clip import Clip, check_parts, joined
from combiner_core.signals.audio_files.lengths import Uncompressed, mended

# libsndfile's log of a data chunk whose stated size in bytes does not fit the file
_CHUNK_SIZE = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
# programs that write to a pipe state a size near 2^31 or 2^32 because they cannot know it
_UNKNOWN_SIZE = 0x7FFF0000
# names of libsndfile for what `About` has
_ABOUT: Mapping[str, str] = MappingProxyType(
    {"copyright": "copyright", "author": "artist", "date": "date"}
)
_TECHNICAL = "software"


class _Content(io.BytesIO):
    """Bytes as a file that stays where it is when a damaged header points before its start."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:  # inside libsndfile's call it would be printed, not raised
            return self.tell()


def read(content: bytes, name: str, max_samples: int) -> Clip | None:
    """The sound of a file.

    Args:
        content: its bytes.
        name: for errors.
        max_samples: most samples accepted, over all channels.

    Returns:
        ``None`` if it is nothing that libsndfile knows.

    Raises:
        SignalError: it is damaged, incomplete, or has too many samples.
    """
    clips: list[Clip] = []
    while content:
        whole = mended(content)
        clip = _read(whole, name, max_samples - sum(clip.samples.size for clip in clips))
        if clip is None:
            break
        clips.append(clip)
        check_parts(len(clips), name)
        content = whole.following
    return joined(clips, name) if clips else None


def _read(whole: Uncompressed, name: str, max_samples: int) -> Clip | None:
    try:
        # a stream without a name: libsndfile would judge a file by its suffix as well
        file = sf.SoundFile(_Content(whole.content))
    except (sf.SoundFileError, RuntimeError, ValueError, TypeError):
        return None
    with file:
        limit = max_samples // file.channels
        try:
            frames = file.read(limit + 1, dtype="float32", always_2d=True)
        except (sf.SoundFileError, RuntimeError, ValueError) as error:
            raise SignalError(
                f"{name} is damaged or incomplete: its sound cannot be decoded."
            ) from error
        if len(frames) > limit:
            raise SignalError(
                f"{name} holds {file.frames * file.channels:,} samples over all channels: "
                f"at most {max_samples:,} are accepted."
            )
        if whole.is_cut_short or len(frames) < file.frames or _states_more(file.extra_info):
            raise SignalError(f"{name} is incomplete: it ends before the length it states.")
        tags = {key: value for key, value in file.copy_metadata().items() if value}
        about = About.of({key: tags.get(tag) for key, tag in _ABOUT.items()})
        metadata = tuple(tag for tag in tags if tag not in (_TECHNICAL, *_ABOUT.values()))
        return Clip(frames.T, file.samplerate, whole.channel_mask, whole.notes, about, metadata)


def _states_more(log: str) -> bool:
    return any(
        int(actual) < int(stated) < _UNKNOWN_SIZE for stated, actual in _CHUNK_SIZE.findall(log)
    )
