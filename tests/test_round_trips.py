"""Every coder of the engine comes through the one check of `round_trips`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from encoding import OPTIONS, QUICK, encoded, image, set_effort
from group_examples import decoded as decoded_groups
from group_examples import encoded as encoded_groups
from group_examples import pyramid, some_tables
from round_trips import RoundTrip, Values, check_round_trip
from signal_files import tone

from combiner_core import (
    BitstreamError,
    Budget,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    decode,
)
from combiner_core.bitstream import Header
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresEffort
from combiner_core.rec import BlockCoder, Coder, Key, TrellisCoder, encode
from combiner_core.signals import AudioShape, ImageShape, Shape
from combiner_core.siren import codec as siren_codec

TABLES = some_tables()
KEY = Key(seed=11, stream=3)


@pytest.mark.parametrize(
    "coder",
    [
        TrellisCoder(state_bits=8, commit_bits=40, lookahead_bits=8),
        TrellisCoder(state_bits=12),
        TrellisCoder(state_bits=16, commit_bits=64, lookahead_bits=0),
        BlockCoder(rule="astar"),
        BlockCoder(rule="greedy", commit_blocks=3),
        BlockCoder(rule="greedy", block_bits=7),
    ],
    ids=str,
)
@pytest.mark.parametrize("count", [1, 300])
def test_streams_of_weights(coder: Coder, count: int) -> None:
    rng = np.random.default_rng(count)
    rates_bits = np.minimum(0.8 * np.exp(rng.standard_normal(count)), 4)
    std = 2.0**-rates_bits
    mean = np.sqrt(1 - std**2) * rng.standard_normal(count)
    rates = np.maximum(1, np.rint(256 * rates_bits)).astype(np.int64)
    wanted = max(16, int(rates.sum()) // 256)
    total_bits = coder.round_bits(min(wanted, coder.max_total_bits(rates)))
    encoder = coder.encoder(rates, total_bits, KEY)
    sent = []
    while not encoder.done:
        sent.append(encoder.commit(mean, std))
    bits = encoder.bits()
    assert (bits == encode(coder, mean, std, rates, total_bits, KEY)).all()
    check_round_trip(
        RoundTrip(
            bits,
            [np.concatenate(sent)],
            lambda message: [coder.decode(message, rates, total_bits, KEY)],
            cuts=10**6 if count < 500 else 120,
            half_is_useful=count > 1,
        )
    )


@pytest.mark.parametrize("states", [1, 8, 128])
@pytest.mark.parametrize("shift", [0.0, -3.0, 6.0])
def test_groups_of_weights(states: int, shift: float) -> None:
    examples = pyramid(4, shift)
    payload, groups = encoded_groups(TABLES, examples, states=states)
    sent = [group.values for group in groups]
    defaults = [one.prior.default for one in examples]
    check_round_trip(
        RoundTrip(
            payload,
            sent,
            lambda message: decoded_groups(TABLES, examples, message, states),
            defaults,
            cuts=50,
        )
    )


@pytest.mark.parametrize("cut_is_fine", [False, True])
@pytest.mark.parametrize("shape", [ImageShape(768, 512), AudioShape(132300, 2, 44100)], ids=str)
def test_containers(shape: Shape, cut_is_fine: bool) -> None:
    header = Header(shape, 7, 0xA1B2C3D4, 5, b"\x00\x0e\x01\x01")

    def receive(data: bytes) -> Values:
        container = bitstream.read(data, allow_truncated=cut_is_fine)
        assert cut_is_fine or container.complete
        return [np.frombuffer(container.payload, np.uint8)]

    sent = np.arange(40, dtype=np.uint8)
    data = bitstream.write(header, sent.tobytes())
    check_round_trip(RoundTrip(data, [sent], receive, refusals=(BitstreamError,)))


@pytest.mark.parametrize(
    ("family", "rec"), [("siren", "trellis"), ("siren", "astar"), ("multires", "trellis")]
)
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_whole_files(
    kind: str,
    family: str,
    rec: str,
    tiny_presets: Path,
    multires_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=0))
    library = PresetLibrary(tiny_presets if family == "siren" else multires_presets)
    options = EncodeOptions(family, OPTIONS.effort, rec, device="cpu")  # type: ignore[arg-type]
    signal = image() if kind == "image" else Signal.audio(tone(1500, 8000), 8000)
    result = encoded(signal, Budget(150), library, options)
    check_round_trip(
        RoundTrip(
            result.data,
            [result.reconstruction.values],
            lambda data: [decode(data, device="cpu", models=library).values],
            refusals=(BitstreamError,),
        )
    )


@pytest.mark.parametrize(
    "decode_wrongly",
    [
        lambda data: [np.frombuffer(data[:-1], np.uint8)],
        lambda data: [np.frombuffer(data, np.uint8).astype(np.int16)],
        lambda data: [np.frombuffer(data if len(data) == 9 else bytes(len(data)), np.uint8)],
        lambda data: [np.frombuffer(data * 2 if len(data) < 9 else data, np.uint8)],
        lambda data: [np.frombuffer(data[: 9 * (len(data) == 9)], np.uint8)],
    ],
    ids=["last", "type", "beginning", "more", "half"],
)
def test_the_check_finds_what_is_wrong(decode_wrongly: Callable[[bytes], Values]) -> None:
    message = bytes(range(1, 10))
    sent = np.frombuffer(message, np.uint8)
    check_round_trip(RoundTrip(message, [sent], lambda data: [np.frombuffer(data, np.uint8)]))
    with pytest.raises(AssertionError):
        check_round_trip(RoundTrip(message, [sent], decode_wrongly, half_is_useful=True))
