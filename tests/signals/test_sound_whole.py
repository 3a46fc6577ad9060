"""Sound is read whole, whatever headers say, with its channels in the order of WAVE files."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import PITCHES_HZ, pitches, sound_bytes, tones, video_bytes
from numpy.typing import NDArray
from signal_files import audio_bytes, refusal, tone

from combiner_core.errors import SignalError
from combiner_core.signals import Reading, Signal, load, save
from combiner_core.signals.audio import read_audio
from combiner_core.signals.files import read_bytes

RATE = 16000
SAMPLES = 32000
UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000)


def clip() -> NDArray[np.float32]:
    """Two seconds that end as loud as they begin: a part of them would show."""
    t_s = np.arange(SAMPLES) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * t_s))[None].astype(np.float32)


def mp3(values: NDArray[np.float32] | None = None, rate: int = RATE) -> bytes:
    return audio_bytes(clip() if values is None else values, rate, "MP3", "MPEG_LAYER_III")


def reading(content: bytes, name: str = "clip") -> Reading:
    return read_bytes(content, name)


def patched(content: bytes, places: dict[int, int], order: str = "<") -> bytes:
    """The same file with 32-bit numbers at some places."""
    result = bytearray(content)
    for place, number in places.items():
        struct.pack_into(f"{order}I", result, place, number)
    return bytes(result)


@pytest.mark.parametrize("riff", UNKNOWN)
@pytest.mark.parametrize("data", UNKNOWN)
def test_wave_of_unknown_length(riff: int, data: int) -> None:
    whole = audio_bytes(clip(), RATE, "WAV", "PCM_16")
    got = reading(patched(whole, {4: riff, 40: data}))
    np.testing.assert_array_equal(got.signal.values, load_bytes(whole).values)
    assert got.notes == ()


def load_bytes(content: bytes) -> Signal:
    return reading(content).signal


def test_wave_whose_header_was_written_too_early_is_read_to_its_end() -> None:
    whole = audio_bytes(clip(), RATE, "WAV", "PCM_16")
    got = reading(patched(whole, {4: 8036, 40: 8000}))
    assert got.signal.samples == SAMPLES
    assert got.notes == (
        "Its header states 8,000 bytes of sound, but there are 64,000: all were read.",
    )


def test_what_follows_the_sound_of_a_wave_file_is_told() -> None:
    whole = audio_bytes(clip(), RATE, "WAV", "PCM_16")
    tagged = whole + b"LIST\x04\0\0\0INFO"
    assert reading(tagged).signal.samples == SAMPLES
    assert reading(tagged).notes == ()
    got = reading(whole + b"\x01\x02 some rubbish")
    assert got.signal.samples == SAMPLES
    assert got.notes == ("15 bytes after the end of its sound were left out.",)


@pytest.mark.parametrize("frames", [0, SAMPLES])
@pytest.mark.parametrize("size", [0, 8, 0xFFFFFFFF])
def test_aiff_of_unknown_length(size: int, frames: int) -> None:
    whole = audio_bytes(clip(), RATE, "AIFF", "PCM_16")
    sound, common = whole.index(b"SSND") + 4, whole.index(b"COMM") + 10
    got = reading(patched(whole, {4: size, sound: size, common: frames}, ">"))
    np.testing.assert_array_equal(got.signal.values, load_bytes(whole).values)


def test_au_of_unknown_length() -> None:
    whole = audio_bytes(clip(), RATE, "AU", "PCM_16")
    for size in (0, 0xFFFFFFFF):
        assert reading(patched(whole, {8: size}, ">")).signal.samples == SAMPLES


@pytest.mark.parametrize("stated", [0, 5000, SAMPLES])
def test_flac_from_a_pipe(stated: int) -> None:
    whole = bytearray(audio_bytes(clip(), RATE, "FLAC", "PCM_16"))
    whole[21] &= 0xF0
    struct.pack_into(">I", whole, 22, stated)
    np.testing.assert_allclose(reading(bytes(whole)).signal.values, clip(), atol=1e-4)


def test_flac_of_24_bits_to_full_precision() -> None:
    content = audio_bytes(clip(), RATE, "FLAC", "PCM_24")
    np.testing.assert_allclose(load_bytes(content).values, clip(), atol=1e-6)


ID3V2 = b"ID3\x04\0\0\0\0\x02\0" + b"\xff\xfb\x90\0" * 64
ID3V1 = b"TAG" + bytes(125)


@pytest.mark.parametrize("between", [b"", ID3V1, ID3V2, ID3V1 + ID3V2])
@pytest.mark.parametrize("count", [2, 3])
def test_concatenated_mp3(count: int, between: bytes) -> None:
    got = reading(between.join([mp3()] * count))
    assert got.signal.samples == count * SAMPLES
    middle = SAMPLES + SAMPLES // 2
    np.testing.assert_allclose(got.signal.values[:, middle : middle + 999],
                               clip()[:, SAMPLES // 2 :][:, :999], atol=0.01)  # fmt: skip
    assert got.notes == ()


def test_vbr_mp3_without_a_header_of_its_length() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100).astype(np.float32)
    stream = io.BytesIO()
    values = np.concatenate([np.zeros(44100, np.float32), noise])
    options = {"compression_level": 0.5, "bitrate_mode": "VARIABLE"}
    sf.write(stream, values, 44100, format="MP3", subtype="MPEG_LAYER_III", **options)
    tagged = stream.getvalue()
    bare = tagged[tagged.index(b"\xff\xfb", tagged.index(b"Xing")) :]
    assert 88200 <= load_bytes(bare).samples < 88200 + 3000


def test_mp3_with_a_lie_about_its_length() -> None:
    whole = mp3()
    place = max(whole.find(b"Xing"), whole.find(b"Info")) + 8
    few = int.from_bytes(whole[place : place + 4], "big") // 2
    got = load_bytes(patched(whole, {place: few}, ">"))
    assert got.samples > 0.97 * SAMPLES


def test_rubbish_in_an_mp3_file_is_told() -> None:
    assert reading(mp3() + b"rubbish" * 50).notes == ("350 bytes that are no sound were left out.",)
    whole = mp3()
    bare = whole[whole.index(b"\xff\xf3", 200) :]
    assert "Its last frame is not whole and was left out." in reading(bare[:-20]).notes


def test_parts_of_another_kind_are_refused() -> None:
    double = mp3(clip(), 2 * RATE)
    assert "goes from 16,000 to 32,000" in refusal(lambda: reading(mp3() + double), "clip")
    stereo = mp3(clip().repeat(2, axis=0))
    assert "goes from 1 to 2 channels" in refusal(lambda: reading(mp3() + stereo), "clip")


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16"), ("AIFF", "PCM_16")],
)
def test_files_put_one_after_the_other(container: str, subtype: str) -> None:
    one = audio_bytes(clip(), RATE, container, subtype)
    got = reading(one * 3)
    assert got.signal.samples == 3 * SAMPLES
    np.testing.assert_array_equal(got.signal.values, np.tile(load_bytes(one).values, 3))
    assert got.notes == ()


def test_very_many_parts_are_refused() -> None:
    one = audio_bytes(clip()[:, :100], RATE, "WAV", "PCM_16")
    assert "more than 256 files" in refusal(lambda: reading(one * 300), "clip")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_without_its_end_is_refused_or_told(subtype: str) -> None:
    whole = audio_bytes(np.tile(clip(), 8), RATE, "OGG", subtype)
    assert "within a page" in refusal(lambda: reading(whole[:-50]), "clip")
    last_page = whole.rindex(b"OggS")
    got = reading(whole[:last_page])
    assert got.notes == ("Nothing marks the end of its sound: some of it may be missing.",)


CONTAINERS = [
    ("aac", "ipod"),
    ("aac", "mp4"),
    ("aac", "mov"),
    ("aac", "matroska"),
    ("libopus", "webm"),
    ("alac", "ipod"),
    ("pcm_s16le", "mov"),
    ("ac3", "mp4"),
]


@pytest.mark.parametrize(("codec", "form"), CONTAINERS)
def test_sound_of_telephones_and_the_web(codec: str, form: str) -> None:
    values = tones("stereo")
    signal = load_bytes(sound_bytes(values, 48000, codec, form, "stereo"))
    assert (signal.channels, signal.sample_rate) == (2, 48000)
    assert 48000 <= signal.samples < 48000 + 3000
    assert pitches(signal.values[:, :48000], 48000) == pytest.approx([300, 400], abs=2)


def test_a_voice_memo_has_the_length_its_edit_list_states() -> None:
    # frames of 1,024 samples, the last one filled up
    stream = sound_bytes(clip(), RATE, "aac", "ipod", "mono")
    assert SAMPLES <= load_bytes(stream).samples <= SAMPLES + 1024


@pytest.mark.parametrize(
    ("codec", "form"), [("aac", "matroska"), ("libopus", "webm"), ("alac", "ipod"), ("aac", "adts")]
)
def test_cut_containers_are_refused(codec: str, form: str) -> None:
    content = sound_bytes(tones("mono"), 48000, codec, form, "mono")
    message = refusal(lambda: reading(content[: 3 * len(content) // 4]), "clip")
    assert "incomplete" in message or "damaged" in message


def test_of_several_tracks_one_is_read_and_it_is_told() -> None:
    content = sound_bytes(tones("mono"), 48000, "aac", "matroska", "mono", tracks=2)
    assert reading(content).notes == ("Of its 2 tracks of sound only number 1 was read.",)


SURROUND = [
    ("libopus", "ogg"),
    ("libopus", "webm"),
    ("libopus", "mp4"),
    ("aac", "ipod"),
    ("aac", "matroska"),
    ("alac", "ipod"),
    ("flac", "flac"),
    ("ac3", "mp4"),
    ("pcm_s16le", "wav"),
    ("pcm_s16be", "caf"),
]


@pytest.mark.parametrize(("codec", "form"), SURROUND)
def test_surround_is_in_the_order_of_wave_files(codec: str, form: str) -> None:
    layout = "5.1(side)" if codec in ("ac3",) else "5.1"
    signal = load_bytes(sound_bytes(tones(layout), 48000, codec, form, layout))
    got = pitches(signal.values, 48000)
    # a channel of low frequencies is filtered by some
    assert got[:3] + got[4:] == pytest.approx([*PITCHES_HZ[:3], *PITCHES_HZ[4:6]], abs=3)
    assert got[3] < 250
    assert signal.channel_mask == (0x60F if layout != "5.1" or form == "caf" else None)


@pytest.mark.parametrize(("channels", "order"), [
    (3, (0, 2, 1)),
    (4, (0, 1, 2, 3)),
    (5, (0, 2, 1, 3, 4)),
    (6, (0, 2, 1, 5, 3, 4)),
    (8, (0, 2, 1, 7, 5, 6, 3, 4)),
])  # fmt: skip
def test_vorbis_has_an_order_of_its_own(channels: int, order: tuple[int, ...]) -> None:
    t_s = np.arange(48000) / 48000
    stored = np.stack([0.3 * np.sin(2 * np.pi * 30 * (1 + i) * t_s) for i in range(channels)])
    content = audio_bytes(stored.astype(np.float32), 48000, "OGG", "VORBIS")
    expected = [30 * (1 + i) for i in order]
    assert pitches(load_bytes(content).values, 48000) == pytest.approx(expected, abs=3)


@pytest.mark.parametrize(("channels", "mask"), [(3, 0x7), (6, 0x3F), (7, 0x70F), (8, 0x63F)])
def test_surround_is_written_with_its_loudspeakers(
    tmp_path: Path, channels: int, mask: int
) -> None:
    values = np.random.default_rng(0).integers(-9999, 9999, (channels, 500)) / 32768
    for own, written in ((None, mask), (sum(1 << i for i in range(3, 3 + channels)), None)):
        signal = Signal.audio(values, 48000, own)
        save(signal, tmp_path / "clip.wav")
        content = (tmp_path / "clip.wav").read_bytes()
        assert struct.unpack_from("<H", content, 20) == (0xFFFE,)
        assert struct.unpack_from("<I", content, 40) == (written or own,)
        again = load(tmp_path / "clip.wav")
        np.testing.assert_array_equal(again.values, signal.values)
        assert again.channel_mask == own


def test_mono_and_stereo_are_written_plainly(tmp_path: Path) -> None:
    for channels in (1, 2):
        save(Signal.audio(tone(channels=channels), RATE), tmp_path / "clip.wav")
        assert struct.unpack_from("<H", (tmp_path / "clip.wav").read_bytes(), 20) == (1,)


def test_clipped_samples_are_counted() -> None:
    content = audio_bytes(4 * clip(), RATE, "WAV", "FLOAT")
    beyond = int((np.abs(4 * clip()) > 1).sum())
    assert reading(content).notes == (
        f"{beyond:,} of its samples were clipped to full scale: they reach 1.2.",
    )


def test_silence_is_read() -> None:
    content = audio_bytes(np.zeros((2, 800), np.float32), RATE, "WAV", "PCM_16")
    assert not load_bytes(content).values.any()


@pytest.mark.parametrize(
    ("codec", "form"),
    [("libmp3lame", "mp3"), ("flac", "flac"), ("aac", "ipod"), ("pcm_s16le", "wav")],
)
def test_tags_are_told_or_kept(codec: str, form: str) -> None:
    tags = {"artist": "Ann", "copyright": "© Ann", "date": "2020", "title": "A song"}
    got = reading(sound_bytes(tones("mono"), 48000, codec, form, "mono", tags))
    assert got.about.known() == {"copyright": "© Ann", "author": "Ann", "date": "2020"}
    assert got.metadata == ("title",)
    assert got.all_notes() == (
        "Details of the file that are not kept: copyright, author, date, title.",
    )
    assert got.all_notes(keeps_about=True) == (
        "Details of the file that are kept: copyright, author, date.",
        "Details of the file that are not kept: title.",
    )


def test_limits_hold_for_every_reader() -> None:
    for codec, form in (("aac", "ipod"), ("libmp3lame", "mp3"), ("flac", "flac"), ("aac", "adts")):
        content = sound_bytes(tones("mono"), 48000, codec, form, "mono")
        assert read_audio(content, "clip", max_samples=60_000) is not None
        message = refusal(lambda c=content: read_audio(c, "clip", max_samples=40_000), "clip")
        assert "40,000" in message


HOSTILE = [
    mp3(clip()[:, :4000]) * 2,
    audio_bytes(clip()[:, :4000], RATE, "OGG", "VORBIS") * 2,
    audio_bytes(clip()[:, :4000], RATE, "FLAC", "PCM_16") * 2,
    audio_bytes(clip()[:, :4000], RATE, "AIFF", "PCM_16"),
    *(
        sound_bytes(tones("stereo", 48000, 4800), 48000, codec, form, "stereo")
        for codec, form in (("aac", "ipod"), ("libopus", "webm"), ("pcm_s16be", "caf"))
    ),
    video_bytes([(200, 30, 20)] * 3, sound=tones("mono", 48000, 4800)),
]


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_sound_gives_signals_or_refusals(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(HOSTILE)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(content) // 2, len(content)))
    with contextlib.suppress(SignalError):
        got = read_bytes(bytes(content[:cut]), "file", max_samples=1_000_000, max_pixels=100_000)
        assert isinstance(got, Reading)
