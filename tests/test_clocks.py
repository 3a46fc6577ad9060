"""Reported seconds are those of the engine's work, whoever consumes its events and how slowly."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from encoding import QUICK, image, set_effort

from combiner_core import Budget, Encoded, EncodeOptions, PresetLibrary, Progress, encode
from combiner_core.clock import Clock
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresEffort
from combiner_core.siren import codec as siren_codec

FAMILIES = ("siren", "multires")
NAP_S = 0.05
# What a busy machine may take between the clock and the consumer, as a share of all naps.
SLACK = 0.25


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=3))


@pytest.fixture(scope="module")
def libraries(tiny_presets: Path, multires_presets: Path) -> dict[str, PresetLibrary]:
    return {"siren": PresetLibrary(tiny_presets), "multires": PresetLibrary(multires_presets)}


def options(family: str) -> EncodeOptions:
    return EncodeOptions(family, effort="fast", device="cpu")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_slow_consumer_costs_no_seconds(family: str, libraries: dict[str, PresetLibrary]) -> None:
    events = encode(image(), Budget(200), options(family), libraries[family])
    started, asleep_s, elapsed_s = time.monotonic(), 0.0, []
    time.sleep(NAP_S)  # before the first event is asked for
    asleep_s += NAP_S
    for event in events:
        before_nap = time.monotonic()
        time.sleep(NAP_S)
        asleep_s += time.monotonic() - before_nap
        if isinstance(event, Progress):
            elapsed_s.append(event.elapsed_s)
    assert isinstance(event, Encoded)
    awake_s = time.monotonic() - started - asleep_s
    seconds = event.seconds
    assert len(elapsed_s) >= 3
    # The work before the call returned is in the load; all the rest is in the loop.
    assert seconds["total"] - seconds["load"] == pytest.approx(awake_s, abs=SLACK * asleep_s)
    parts_s = seconds["load"] + seconds["fit"] + seconds["code"]
    assert parts_s <= seconds["total"] + 1e-6
    assert elapsed_s == sorted(elapsed_s)
    assert elapsed_s[-1] <= seconds["total"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_nap_in_a_phase_is_not_in_its_seconds(
    family: str, libraries: dict[str, PresetLibrary]
) -> None:
    """One long nap, as long as all of the work or longer."""
    for phase in ("fit", "code") if family == "siren" else ("search", "code"):
        naps, long_s = 0, 0.8
        started = time.monotonic()
        for event in encode(image(), Budget(200), options(family), libraries[family]):
            if isinstance(event, Progress) and event.phase == phase and not naps:
                time.sleep(long_s)
                naps += 1
        assert isinstance(event, Encoded)
        awake_s = time.monotonic() - started - long_s
        assert naps == 1
        assert max(event.seconds.values()) <= awake_s + SLACK * long_s


@pytest.mark.parametrize("family", FAMILIES)
def test_closing_stops_the_work(
    family: str, libraries: dict[str, PresetLibrary], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Efforts that would take hours: whoever closes early waits for none of it."""
    endless: Any = (
        replace(QUICK, fit_steps=10**8)
        if family == "siren"
        else MultiresEffort(states=8, latent_steps=10**8)
    )
    module = {"siren": siren_codec, "multires": multires_codec}[family]
    set_effort(monkeypatch, module, "best", endless)
    slow = replace(options(family), effort="best")
    events = encode(image(), Budget(200), slow, libraries[family])
    for event in events:
        assert isinstance(event, Progress)
        if event.phase == "fit":
            break
    used_s = time.process_time()
    events.close()
    time.sleep(2 * NAP_S)
    assert time.process_time() - used_s < NAP_S
    assert list(events) == []


def test_work_that_is_never_asked_for_is_not_done(libraries: dict[str, PresetLibrary]) -> None:
    for family in FAMILIES:
        events = encode(image(), Budget(200), options(family), libraries[family])
        used_s = time.process_time()
        time.sleep(2 * NAP_S)
        assert time.process_time() - used_s < NAP_S
        events.close()


def test_a_clock_closes_what_it_times() -> None:
    closed = []

    def work() -> Any:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    events = Clock().timed(work())
    assert next(events) == 1
    events.close()
    assert closed == [True]
