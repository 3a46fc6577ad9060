"""Videos: their sound, or one of their frames, and a sentence that says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_files import pitches, tones, video_bytes
from PIL import Image
from signal_files import image_bytes, refusal

from combiner_core.signals import read
from combiner_core.signals.files import read_bytes

RED, BLUE = (200, 30, 20), (20, 30, 200)
FILM = [RED] * 5 + [BLUE] * 5
SOUND_NOTE = (
    "It is a video: its sound was used, and its pictures left out; one of them can be chosen by "
    "its time."
)

KINDS = [
    {},
    {"form": "mov"},
    {"form": "webm", "codec": "libvpx-vp9"},
    {"form": "matroska"},
    {"form": "avi", "codec": "mjpeg", "pixels": "yuvj420p"},
    {"form": "mov", "codec": "prores_ks", "pixels": "yuv422p10le"},
    {"codec": "libx265"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()) or "mp4")
@pytest.mark.parametrize(("frame_s", "colour"), [(0, RED), (0.45, RED), (0.5, BLUE), (0.95, BLUE)])
def test_a_frame_is_chosen_by_its_time(
    kind: dict[str, str], frame_s: float, colour: tuple[int, int, int]
) -> None:
    got = read_bytes(video_bytes(FILM, **kind), "film", frame_s=frame_s)
    assert (got.signal.width, got.signal.height) == (64, 48)
    assert np.abs(got.signal.values.astype(int) - colour).max() <= 4
    at_s = np.floor(10 * frame_s + 1e-6) / 10
    assert got.notes == (f"It is a video: its frame at {at_s:.2f} s was used.",)
    assert (got.signal.deep is not None) == ("prores_ks" in kind.values())


@pytest.mark.parametrize(("form", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9")])
def test_the_sound_of_a_video_comes_first(tmp_path: Path, form: str, codec: str) -> None:
    path = tmp_path / "film"
    path.write_bytes(video_bytes(FILM, form=form, codec=codec, sound=tones("mono")))
    got = read(path)
    assert got.notes == (SOUND_NOTE,)
    assert pitches(got.signal.values[:, :48000], 48000) == pytest.approx([300], abs=2)
    still = read(path, prefer="image")
    assert still.notes == ("It is a video: its frame at 0.00 s was used, and its sound left out.",)
    assert read(path, frame_s=0.7).signal.kind == "image"


def test_a_silent_film_is_its_first_frame() -> None:
    assert read_bytes(video_bytes(FILM), "film").signal.kind == "image"


def test_a_time_without_a_frame_is_refused() -> None:
    film = video_bytes(FILM)
    assert refusal(lambda: read_bytes(film, "film", frame_s=2), "film") == (
        "film lasts 1.00 s: it has no frame at 2 s."
    )
    for nonsense in (-1.0, float("nan"), float("inf")):
        with pytest.raises(Exception, match="say a time from 0 on"):
            read_bytes(film, "film", frame_s=nonsense)


def test_a_turned_film_is_upright() -> None:
    got = read_bytes(video_bytes(FILM, rotation=90), "film", frame_s=0).signal
    assert (got.width, got.height) == (48, 64)


def test_a_large_film_is_refused_before_it_is_decoded() -> None:
    message = refusal(
        lambda: read_bytes(video_bytes(FILM), "film", frame_s=0, max_pixels=3000), "film"
    )
    assert message == "film is 64 x 48 = 3,072 pixels: at most 3,000 are accepted."


def test_a_film_of_high_range_is_mapped() -> None:
    # primaries of BT.2020 and PQ: 58 % of its range is white
    grey = round(0.5806 * 255)
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9}
    film = video_bytes([(grey, grey, grey)] * 2, codec="libx265", pixels="yuv420p10le", tags=tags)
    got = read_bytes(film, "film", frame_s=0).signal
    assert got.deep is not None
    assert np.abs(got.values.astype(int) - 255).max() <= 6


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_frames_of_animations(file_format: str) -> None:
    frames = [Image.new("RGB", (12, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = image_bytes(
        frames[0], file_format, save_all=True, append_images=frames[1:], duration=500, **options
    )
    first = read_bytes(content, "film")
    assert first.notes == ("1 of its 3 frames was used: number 1.",)
    for frame_s, number, colour in (
        (0.2, 1, (255, 0, 0)),
        (0.5, 2, (0, 255, 0)),
        (1.4, 3, (0, 0, 255)),
    ):
        got = read_bytes(content, "film", frame_s=frame_s)
        assert tuple(got.signal.values[3, 3]) == colour
        assert got.notes == (f"1 of its 3 frames was used: number {number}.",)
    assert "has no frame at 9 s" in refusal(lambda: read_bytes(content, "film", frame_s=9), "film")


def test_what_has_no_frames_is_refused() -> None:
    photo = image_bytes(Image.new("RGB", (12, 10)), "PNG")
    assert "one picture" in refusal(lambda: read_bytes(photo, "a.png", frame_s=1), "a.png")
    assert read_bytes(photo, "a.png", frame_s=0).signal.width == 12
