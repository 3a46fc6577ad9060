"""Both sides of each coder agree, in every process, on whole streams and on beginnings of them."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

import combiner_core
from combiner_core.rec import Bits, BlockCoder, Coder, Key, TrellisCoder, encode, make_coder
from combiner_core.rec.bit_allocation import blocks
from combiner_core.rec.randomness import column

KEY = Key(seed=11, stream=3)
CODERS = [
    TrellisCoder(state_bits=8, commit_bits=40, lookahead_bits=8),
    TrellisCoder(state_bits=12),
    TrellisCoder(state_bits=16, commit_bits=64, lookahead_bits=0),
    BlockCoder(rule="astar"),
    BlockCoder(rule="greedy", commit_blocks=3),
    BlockCoder(rule="greedy", block_bits=7),
]
each_coder = pytest.mark.parametrize("coder", CODERS, ids=str)
PACKAGE = Path(combiner_core.__file__).parent


def posterior(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, deviations and integer rates of weights of very unequal information."""
    rng = np.random.default_rng(seed)
    rates_bits = np.minimum(0.8 * np.exp(rng.standard_normal(count)), 4)
    std = 2.0**-rates_bits
    mean = np.sqrt(1 - std**2) * rng.standard_normal(count)
    return mean, std, np.maximum(1, np.rint(256 * rates_bits)).astype(np.int64)


def usable_bits(coder: Coder, rates: np.ndarray) -> int:
    return coder.round_bits(min(int(rates.sum()) // 256, coder.max_total_bits(rates)))


def run_python(code: str, *args: str, cwd: Path, **environment: str) -> None:
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("NUMBA_")}
    subprocess.run(
        [sys.executable, "-c", code, *args], check=True, cwd=cwd, env=inherited | environment
    )


@each_coder
def test_decoding_returns_the_committed_weights(coder: Coder):
    mean, std, rates = posterior(700)
    total_bits = usable_bits(coder, rates)
    encoder = coder.encoder(rates, total_bits, KEY)
    committed = []
    while not encoder.done:
        before = encoder.position
        committed.append(encoder.commit(mean, std))
        assert encoder.position == before + len(committed[-1])
        assert len(encoder.bits()) == encoder.committed_bits
        received = coder.decode(encoder.bits(), rates, total_bits, KEY)
        assert (received == np.concatenate(committed)).all()
    assert encoder.position == len(rates)
    assert encoder.committed_bits == total_bits
    assert encoder.bits().dtype == np.uint8
    assert received.dtype == np.float32
    assert (encoder.bits() == encode(coder, mean, std, rates, total_bits, KEY)).all()
    # The code says something about the weights: the prior alone would give twice the distance.
    assert np.mean(((received - mean) / std) ** 2) < 0.5 * np.mean((mean / std) ** 2)
    with pytest.raises(ValueError, match="complete"):
        encoder.commit(mean, std)


@each_coder
def test_streams_that_wait_take_little_memory(coder: Coder):
    """A large picture has thousands, of which one is searched at a time."""
    mean, std, rates = posterior(400)
    total_bits = usable_bits(coder, rates)
    encode(coder, mean, std, rates, total_bits, KEY)  # what all of them share
    tracemalloc.start()
    try:
        encoders = [coder.encoder(rates, total_bits, Key(11, stream)) for stream in range(20)]
        for encoder in encoders:
            encoder.commit(mean, std)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 100 * len(encoders) * len(rates)


def test_a_fresh_process_decodes_the_same(tmp_path: Path):
    mean, std, rates = posterior(400)
    total_bits = 304
    arrays = {"rates": rates}
    for name in ("trellis", "astar", "greedy"):
        coder = make_coder(name)
        arrays[f"{name}_bits"] = encode(coder, mean, std, rates, total_bits, KEY)
        arrays[f"{name}_z"] = coder.decode(arrays[f"{name}_bits"], rates, total_bits, KEY)
    np.savez(tmp_path / "streams.npz", **arrays)
    code = """
import sys
import numpy as np
from combiner_core.rec import Key, make_coder
arrays = np.load(sys.argv[1])
for name in ("trellis", "astar", "greedy"):
    z = make_coder(name).decode(arrays[name + "_bits"], arrays["rates"], 304, Key(11, 3))
    assert z.tobytes() == arrays[name + "_z"].tobytes(), name
assert "numba" not in sys.modules, "a receiver needs no compiler"
"""
    run_python(code, str(tmp_path / "streams.npz"), cwd=PACKAGE.parent)


def specified_weights(bits: list[int], rates: list[int], key: Key, state_bits: int) -> list[int]:
    """The weights of a trellis stream times 4096, straight from the text of the specification."""

    def mix(x: int) -> int:
        x %= 1 << 32
        x ^= x >> 16
        x = x * 0x7FEB352D % (1 << 32)
        x ^= x >> 15
        x = x * 0x846CA68B % (1 << 32)
        return x ^ x >> 16

    of_block = mix(mix(key.seed + 0x9E3779B9) + key.stream * 0x85EBCA6B + 1)
    weights = []
    for d in range(len(rates)):
        end = len(bits) * sum(rates[: d + 1]) // sum(rates)
        window = ([0] * state_bits + bits[:end])[-state_bits:]
        index = int("".join(map(str, window)), base=2)
        rotation = mix(of_block + d * 0xC2B2AE35 + 0x27220A95)
        weights.append(int(column()[(index + rotation) % 65_536]))
    return weights


@pytest.mark.parametrize("state_bits", [8, 13, 16])
def test_the_trellis_reads_what_the_specification_says(state_bits: int):
    rates = posterior(150)[2]
    bits = np.random.default_rng(4).integers(0, 2, 130, dtype=np.uint8)
    values = TrellisCoder(state_bits=state_bits).decode(bits, rates, 130, KEY)
    specified = specified_weights(bits.tolist(), rates.tolist(), KEY, state_bits)
    assert (values * 4096).tolist() == specified


@pytest.mark.parametrize(
    ("coder", "golden"),
    [
        (TrellisCoder(), "9bf4f5361af1f75c"),
        (TrellisCoder(state_bits=9), "c9c1627eaee4f426"),
        (BlockCoder(), "3da33408ee19ff2c"),
        (BlockCoder(block_bits=8), "a36b765744e1dd47"),
    ],
    ids=str,
)
def test_decoding_is_golden(coder: Coder, golden: str):
    rates = np.arange(1, 301) * 7919 % 50 + 1
    bits = (np.arange(320) ** 2 // 3 % 2).astype(np.uint8)
    values = coder.decode(bits, rates, 320, Key(2**32 - 1, 4095))
    steps = np.round(values * 4096).astype("<i2")
    assert (steps / np.float32(4096) == values).all()
    assert hashlib.sha256(steps.tobytes()).hexdigest()[:16] == golden


@each_coder
def test_a_change_of_key_changes_the_randomness(coder: Coder):
    rates = posterior(300)[2]
    total_bits = usable_bits(coder, rates)
    bits = np.zeros(total_bits, dtype=np.uint8)
    keys = (Key(11, 3), Key(12, 3), Key(11, 4))
    streams = [coder.decode(bits, rates, total_bits, key) for key in keys]
    for one, other in itertools.combinations(streams, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.25


@each_coder
def test_posteriors_may_change_between_commits(coder: Coder):
    mean, std, rates = posterior(900)
    total_bits = usable_bits(coder, rates)
    encoder = coder.encoder(rates, total_bits, KEY)
    committed = []
    while not encoder.done:
        committed.append(encoder.commit(mean, std))
        mean[: encoder.position] = np.nan  # no longer read
        mean[encoder.position :] *= 0.99
    received = coder.decode(encoder.bits(), rates, total_bits, KEY)
    assert (received == np.concatenate(committed)).all()


@pytest.mark.parametrize("state_bits", [8, 12])
def test_the_trellis_finds_the_best_of_all_streams(state_bits: int):
    rng = np.random.default_rng(2)
    rates = np.array([9, 1, 1, 30, 2, 2, 12, 1, 1, 20])
    std = rng.uniform(0.2, 0.9, 10)
    mean = rng.standard_normal(10)
    coder = TrellisCoder(state_bits=state_bits, commit_bits=100)
    chosen = encode(coder, mean, std, rates, 12, KEY)

    def log_ratio(bits: Bits) -> float:
        z = coder.decode(bits, rates, 12, KEY).astype(np.float64)
        return float(np.sum(z**2 / 2 - ((z - mean) / std) ** 2 / 2))

    streams = np.array(list(itertools.product((0, 1), repeat=12)), dtype=np.uint8)
    ratios = [log_ratio(bits) for bits in streams]
    assert (streams[np.argmax(ratios)] == chosen).all()


def test_greedy_finds_the_best_of_all_candidates():
    mean, std, rates = posterior(6)
    coder = BlockCoder(rule="greedy", block_bits=10)
    index = np.arange(1024)[:, None] >> np.arange(9, -1, -1) & 1
    z = np.array([coder.decode(bits.astype(np.uint8), rates, 10, KEY) for bits in index])
    ratio = np.sum(z.astype(np.float64) ** 2 / 2 - ((z - mean) / std) ** 2 / 2, axis=1)
    assert (index[ratio.argmax()] == encode(coder, mean, std, rates, 10, KEY)).all()


def test_a_star_samples_the_posterior_and_greedy_does_not():
    n_blocks = 3000
    mean = np.tile([1.2, -0.4], n_blocks)
    std = np.tile([0.5, 0.37], n_blocks)
    kl_bits = (std**2 + mean**2 - 1 - 2 * np.log(std))[:2].sum() / 2 / np.log(2)
    assert 2 < kl_bits < 4
    rates = np.ones(2 * n_blocks, dtype=np.int64)
    assert (np.diff(blocks(rates, n_blocks)) == 2).all()

    def normalised(rule: str) -> np.ndarray:
        coder = make_coder(rule)
        bits = encode(coder, mean, std, rates, 16 * n_blocks, KEY)
        z = coder.decode(bits, rates, 16 * n_blocks, KEY)
        return ((z - mean) / std).reshape(n_blocks, 2)

    sample = normalised("astar")
    assert kstest(sample[:, 0], "norm").pvalue > 0.01
    assert kstest(sample[:, 1], "norm").pvalue > 0.01
    assert kstest(sample.sum(axis=1) / np.sqrt(2), "norm").pvalue > 0.01
    assert abs(np.corrcoef(sample.T)[0, 1]) < 0.06
    assert kstest(normalised("greedy")[:, 0], "norm").pvalue < 1e-9


def test_noise_is_the_senders_choice():
    mean, std, rates = posterior(100)
    coders = [make_coder("astar", noise_seed=seed) for seed in (0, 0, 1)]
    one, again, other = (encode(coder, mean, std, rates, 96, KEY) for coder in coders)
    assert (one == again).all()
    assert (one != other).any()


def test_streams_of_several_stages_share_the_window():
    coder = TrellisCoder(state_bits=12, commit_bits=64, lookahead_bits=16)
    past = np.zeros(0, dtype=np.uint8)
    for stage, (count, total_bits) in enumerate([(3, 5), (60, 40), (200, 0), (500, 300)]):
        key = Key(1, stage)
        mean, std, rates = posterior(count, seed=stage)
        encoder = coder.encoder(rates, total_bits, key, past)
        committed = [encoder.commit(mean, std)]
        while not encoder.done:
            committed.append(encoder.commit(mean, std))
        bits = encoder.bits()
        received = coder.decode(bits, rates, total_bits, key, past)
        assert (received == np.concatenate(committed)).all()
        if stage:  # the past matters, if only its last bits
            assert (received != coder.decode(bits, rates, total_bits, key)).any()
            tail = past[-12:]
            assert (received == coder.decode(bits, rates, total_bits, key, tail)).all()
        past = np.concatenate([past, bits])


def test_thousands_of_weights_may_share_a_few_bits():
    rng = np.random.default_rng(3)
    rates = np.ones(30_000, dtype=np.int64)
    rates[[0, 9_000, 29_999]] = 3_000
    mean, std = 0.05 * rng.standard_normal(30_000), np.full(30_000, 0.999)
    for coder in (TrellisCoder(commit_bits=4, lookahead_bits=2), TrellisCoder(commit_bits=100)):
        bits = encode(coder, mean, std, rates, 25, KEY)
        assert len(coder.decode(bits, rates, 25, KEY)) == 30_000
        assert len(coder.decode(bits[:12], rates, 25, KEY)) < 20_000


@each_coder
def test_weights_may_be_absent_or_alone(coder: Coder):
    none, no_rates = np.zeros(0), np.zeros(0, dtype=np.int64)
    assert len(encode(coder, none, none, no_rates, 0, KEY)) == 0
    assert len(coder.decode(np.zeros(0, dtype=np.uint8), no_rates, 0, KEY)) == 0
    one = np.ones(1)
    total_bits = coder.round_bits(8) or coder.round_bits(16)
    bits = encode(coder, 0.3 * one, 0.01 * one, np.array([5]), total_bits, KEY)
    assert coder.decode(bits, np.array([5]), total_bits, KEY)[0] == pytest.approx(0.3, abs=0.1)


def test_a_trellis_without_bits_still_gives_values():
    mean, std, rates = posterior(50)
    encoder = TrellisCoder().encoder(rates, 0, KEY)
    values = encoder.commit(mean, std)
    assert encoder.done
    assert (values == TrellisCoder().decode(np.zeros(0, np.uint8), rates, 0, KEY)).all()
    assert values.shape == (50,)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_stream_of_weights_survives(data: st.DataObject):
    rates = np.array(data.draw(st.lists(st.integers(1, 1000), min_size=1, max_size=60)))
    coder = data.draw(
        st.sampled_from(
            [
                TrellisCoder(state_bits=8, commit_bits=16, lookahead_bits=4),
                BlockCoder(block_bits=4, rule="greedy"),
                BlockCoder(block_bits=4, rule="astar", commit_blocks=2),
            ]
        )
    )
    most = min(coder.max_total_bits(rates), 200)
    total_bits = coder.round_bits(data.draw(st.integers(min(4, most), most)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    # Posteriors far from the prior, or wider than it, are legal too.
    mean = rng.standard_normal(len(rates)) * data.draw(st.sampled_from([0.1, 1.0, 100.0]))
    std = rng.uniform(1e-4, 2, len(rates))
    bits = encode(coder, mean, std, rates, total_bits, KEY)
    assert len(bits) == total_bits
    assert set(bits.tolist()) <= {0, 1}
    assert len(coder.decode(bits, rates, total_bits, KEY)) == len(rates)


@each_coder
@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_impossible_posteriors_are_refused(coder: Coder, bad: float):
    mean, std, rates = posterior(40)
    std[3] = bad
    total_bits = usable_bits(coder, rates)
    with pytest.raises(ValueError, match="a posterior is"):
        encode(coder, mean, std, rates, total_bits, KEY)
    with pytest.raises(ValueError, match="posteriors must have shape"):
        encode(coder, mean[1:], std[1:], rates, total_bits, KEY)


@each_coder
def test_too_many_bits_are_refused(coder: Coder):
    rates = posterior(40)[2]
    total_bits = usable_bits(coder, rates)
    with pytest.raises(ValueError, match="more than"):
        coder.decode(np.zeros(total_bits + 1, dtype=np.uint8), rates, total_bits, KEY)


def test_unusable_lengths_are_refused():
    rates = np.array([1, 1, 100])
    with pytest.raises(ValueError, match="over 8"):
        TrellisCoder().encoder(rates, 100, KEY)
    with pytest.raises(ValueError, match="whole blocks"):
        BlockCoder().encoder(rates, 100, KEY)
    with pytest.raises(ValueError, match="at least one block"):
        BlockCoder().decode(np.zeros(0, dtype=np.uint8), rates, 0, KEY)
    with pytest.raises(ValueError, match="more than 1048576"):
        BlockCoder(block_bits=1).encoder(rates, 2**20 + 1, KEY)


def test_bad_settings_and_names_are_refused():
    with pytest.raises(ValueError, match="choose trellis"):
        make_coder("huffman")
    with pytest.raises(ValueError, match="state_bits 17"):
        make_coder("trellis", state_bits=17)
    with pytest.raises(ValueError, match="block_bits 0"):
        make_coder("astar", block_bits=0)
    for key in ((-1, 0), (0, 2**32)):
        with pytest.raises(ValueError, match="32-bit"):
            Key(*key)


def test_encoders_work_where_no_cache_can_be_written(tmp_path: Path):
    shutil.copytree(PACKAGE, tmp_path / "combiner_core", ignore=lambda *_: ["__pycache__"])
    # Plain files where cache directories would go stop even a privileged user.
    (tmp_path / "combiner_core" / "rec" / "__pycache__").write_bytes(b"")
    (tmp_path / "home").write_bytes(b"")
    code = """
import numpy as np
from combiner_core.rec import Key, encode, make_coder
from combiner_core.rec import _kernels
assert _kernels.__file__.startswith(__import__("os").getcwd())
one = np.ones(20)
bits = encode(make_coder("greedy"), one, one / 2, one.astype(int), 16, Key(1, 1))
assert len(bits) == 16
"""
    home = str(tmp_path / "home")
    run_python(code, cwd=tmp_path, HOME=home, XDG_CACHE_HOME=home, PYTHONPATH=str(tmp_path))
