"""Music to test with: excerpts of pieces in two packages of Debian, fetched and never trained on.

Both may be used and passed on: `fretsonfire-songs-sectoid` under the MIT licence (Carlos Viola
Iborra), `hyperrogue-music` under CC BY-SA 3.0 (Lincoln Domina, Shawn Parrotte, Will Savino). The
pieces are Vorbis files of good quality; what is measured is how well their decoded sound is kept.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile as sf

from combiner_core.errors import CombinerError
from combiner_core.signals import Signal, resample, save, to_mono

SAMPLE_RATE = 48_000
EXCERPT_S = 6.0
_START_S = 40.0
_FRETS = "usr/share/games/fretsonfire/data/songs/sectoid"
_HYPERROGUE = "usr/share/hyperrogue/music"


@dataclass(frozen=True)
class Piece:
    """A piece of music in a package.

    Attributes:
        name: of the excerpt.
        package: of Debian.
        path: in the package.
    """

    name: str
    package: str
    path: str


def _pieces() -> Iterator[Piece]:
    for name in ("Escape from chaosland", "Feelings", "Metal madness", "War of freedom"):
        stem = name.lower().replace(" ", "-")
        yield Piece(stem, "fretsonfire-songs-sectoid", f"{_FRETS}/{name}/song.ogg")
    for name in (
        *("hr-domina-hunting", "hr-savino-caribbean", "hr-savino-ivory", "hr3-caves"),
        *("hr3-desert", "hr3-hell", "hr3-laboratory", "hr3-mirror"),
    ):
        yield Piece(name, "hyperrogue-music", f"{_HYPERROGUE}/{name}.ogg")


PIECES = tuple(_pieces())


def fetch(output: Path) -> Iterator[str]:
    """Write an excerpt of each piece as FLAC: mono, 48 kHz, 16 bits; yields their names.

    Pieces that are there already are left alone.

    Raises:
        CombinerError: a package cannot be downloaded or has no such piece.
    """
    missing = [piece for piece in PIECES if not (output / f"{piece.name}.flac").exists()]
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        for package in dict.fromkeys(piece.package for piece in missing):
            _unpack(package, Path(folder))
        for piece in missing:
            source = Path(folder) / piece.path
            if not source.is_file():
                raise CombinerError(f"The package {piece.package} has no piece {piece.name}.")
            save(excerpt(source), output / f"{piece.name}.flac")
            yield piece.name


def excerpt(path: Path) -> Signal:
    """Some seconds of a file from the 40th on, or its last ones: mono, 48 kHz."""
    with sf.SoundFile(path) as file:
        count = min(round(EXCERPT_S * file.samplerate), file.frames)
        file.seek(min(round(_START_S * file.samplerate), file.frames - count))
        samples = file.read(count, dtype="float32", always_2d=True)
        sound = Signal.audio(samples.T, file.samplerate)
    return resample(to_mono(sound), SAMPLE_RATE)


def _unpack(package: str, folder: Path) -> None:
    try:
        _call("apt-get", "download", package, folder=folder)
        (archive,) = folder.glob(f"{package}_*.deb")
        _call("dpkg", "-x", archive.name, ".", folder=folder)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise CombinerError(
            f"The package {package} cannot be had: Debian's apt-get and dpkg fetch it from the net."
        ) from error


def _call(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
