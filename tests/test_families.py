"""A third model family, of which the engine knows one line: the mean colour of a picture."""

from __future__ import annotations

import argparse
import json
import weakref
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoding import encoded, image
from numpy.typing import NDArray
from signal_files import tone
from tiny_presets import write_presets

import combiner_core as cc
from combiner_core import bitstream
from combiner_core.anatomy import Anatomy
from combiner_core.beliefs import Belief
from combiner_core.bitstream import Header
from combiner_core.clock import Clock
from combiner_core.events import Progress
from combiner_core.families import FAMILIES, Coded, Intent, OneCodec, family_named
from combiner_core.importance import Importance
from combiner_core.options import DecodeOptions, DeviceName, EncodeOptions
from combiner_core.presets import Card, PresetFile
from combiner_core.signals import AudioShape, ImageShape, Shape, Signal, scaled_size

# The one line.
WITH_TOY = {**FAMILIES, "toy": f"{__name__}:ToyFamily"}
OPTIONS = EncodeOptions("toy", device="cpu")


@dataclass(frozen=True)
class ToyPlan:
    """See `families.Plan`."""

    codec: ToyCodec
    signal: Signal
    parameters_bytes: int = 0
    fields: int = 1

    def start(self, payload_bytes: int, clock: Clock) -> Generator[Progress | Coded, None, None]:
        if payload_bytes < 3:
            raise cc.BudgetError("A colour needs three bytes.")
        return self._encode(clock)

    def _encode(self, clock: Clock) -> Generator[Progress | Coded, None, None]:
        started_s = clock.elapsed_s
        colour = np.rint(self.signal.values.mean((0, 1))).astype(int) - self.codec.grey
        yield Progress("code", 1, 1, 0.0, 0.0, 24.0, 24, 24, clock.elapsed_s, None)
        payload = (colour % 256).astype(np.uint8).tobytes()
        yield Coded(payload, b"", 24.0, 0.0, 0.0, clock.elapsed_s - started_s, "cpu")


@dataclass(frozen=True)
class ToyCodec:
    """See `families.Codec`. The prior is a grey; what is not received stays grey."""

    card: Card
    grey: int

    def plan(
        self,
        signal: Signal,
        file_bytes: int,
        options: EncodeOptions,
        importance: Importance | None = None,
    ) -> ToyPlan:
        return ToyPlan(self, signal)

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        options: DecodeOptions,
        device_name: DeviceName,
    ) -> Signal:
        assert isinstance(header.shape, ImageShape)
        sides = (header.shape.height, header.shape.width)
        size = tuple(scaled_size(side, options.scale) for side in sides)
        colour = self.weights(header, payload, payload_bytes).astype(np.uint8)
        return Signal.image(np.broadcast_to(colour, (*size, 3)))

    def uncertainty(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> NDArray[np.float32]:
        raise cc.CombinerError("A toy knows of no errors.")

    def belief(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Belief:
        raise cc.CombinerError("A toy has but one colour.")

    def dissect(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Anatomy:
        raise cc.CombinerError("A toy has no levels.")

    def weights(self, header: Header, payload: bytes, payload_bytes: int) -> NDArray[np.generic]:
        if payload_bytes != 3:
            raise cc.BitstreamError("A colour has three bytes.")
        received = np.zeros(3, np.int32)
        received[: len(payload)] = np.frombuffer(payload, np.uint8)
        return (received + self.grey) % 256

    def modelled_samples(self, shape: AudioShape) -> float:
        raise AssertionError("there are no clips")

    def fields(self, header: Header) -> int:
        return 1


class ToyFamily:
    """See `families.Family`."""

    def load(self, card: Card, arrays: dict[str, NDArray[Any]], config: dict[str, Any]) -> ToyCodec:
        return ToyCodec(card, int(arrays["grey"].item()))

    def mismatch(self, card: Card, shape: Shape, bits: float) -> float:
        return abs(card.nominal_bits - bits)

    def intent(self, header: Header) -> Intent:
        return Intent()

    def add_train_command(self, commands: argparse._SubParsersAction[Any]) -> None:
        commands.add_parser("toy")


def write_toy(folder: Path, name: str, number: int, nominal_bits: float = 24.0) -> Card:
    card = Card(name, number, "toy", "image", "", nominal_bits, "A colour.", {})
    arrays = {"grey": np.array([100 + number % 100])}
    return PresetFile.of(card, arrays, {"family": "toy"}).save(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Presets of a family that is built in, and two of the toy's."""
    folder = tmp_path_factory.mktemp("toys")
    write_presets(folder)
    write_toy(folder, "toy-small", 61001)
    write_toy(folder, "toy-large", 61002, nominal_bits=9000.0)
    return folder


@pytest.fixture
def library(folder: Path) -> cc.PresetLibrary:
    return cc.PresetLibrary(folder, families=WITH_TOY)


def test_its_files_are_encoded_decoded_and_inspected(library: cc.PresetLibrary) -> None:
    signal = image()
    result = encoded(signal, cc.Budget(60), library, OPTIONS)
    mean = np.rint(signal.values.mean((0, 1)))
    assert (result.reconstruction.values == mean).all()
    assert (result.model, result.kl_bits) == ("toy-small", 24.0)
    assert set(result.seconds) == {"load", "fit", "code", "total"}
    decoded = cc.decode(result.data, models=library, scale=2)
    assert decoded.shape == ImageShape(80, 48)
    assert (decoded.values == mean).all()
    info = cc.inspect(result.data, library)
    assert (info.model, info.file_bytes) == ("toy-small", len(result.data))
    grey = cc.decode(result.data, models=library, fraction=0.01).values
    assert (grey[..., 1:] == 101).all()


def test_the_face_takes_it_by_name_and_as_an_object(library: cc.PresetLibrary) -> None:
    by_name = cc.compress(image(), bytes=60, model="toy", models=library, device="cpu")
    codec = library.named("toy-small", ToyCodec)
    assert by_name == cc.compress(image(), bytes=60, model=codec, device="cpu")
    assert cc.decompress(by_name, model=codec).shape == image().shape
    events = list(cc.iter_compress(image(), bytes=60, model=codec))
    assert [type(event) for event in events] == [Progress, Progress, cc.Encoded]


def test_the_face_lets_go_of_pictures_of_what_is_coded(
    library: cc.PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are thousands in a long run."""
    alive: set[int] = set()
    most = 0

    def many(plan: ToyPlan, clock: Clock) -> Generator[Progress | Coded, None, None]:
        nonlocal most
        *_, progress, coded = quiet(plan, clock)
        assert isinstance(progress, Progress)
        for number in range(9):
            preview = np.zeros((8, 8, 3), np.uint8)
            alive.add(number)
            weakref.finalize(preview, alive.discard, number)
            most = max(most, len(alive))
            yield replace(progress, preview=preview)
        yield coded

    quiet = ToyPlan._encode
    monkeypatch.setattr(ToyPlan, "_encode", many)
    cc.compress(image(), bytes=60, model="toy", models=library, device="cpu")
    assert 1 <= most <= 3


@pytest.mark.parametrize(("bits", "name"), [(100, "toy-small"), (9000, "toy-large")])
def test_the_chooser_asks_it(bits: float, name: str, library: cc.PresetLibrary) -> None:
    assert library.choose("toy", ImageShape(40, 24), bits).card.name == name
    assert library.choose(name, ImageShape(40, 24), 1.0).card.name == name


def test_its_refusals_are_those_of_any_family(library: cc.PresetLibrary) -> None:
    clip = Signal.audio(tone(900, 8000), 8000)
    with pytest.raises(cc.PresetError, match=r"^The model toy has no preset for audio\.$"):
        encoded(clip, cc.Budget(60), library, OPTIONS)
    two_bytes = bitstream.overhead_bytes(image().shape, 0, 2) + 2
    with pytest.raises(cc.BudgetError, match="three bytes"):
        cc.encode(image(), cc.Budget(two_bytes), OPTIONS, library)
    with pytest.raises(cc.PresetError, match="is of the family siren"):
        library.named("tiny-image", ToyCodec)
    with pytest.raises(cc.PresetError, match="no preset named toy-none"):
        library.named("toy-none", ToyCodec)
    codec = library.named("toy-small", ToyCodec)
    file = encoded(image(), cc.Budget(60), library, OPTIONS).data
    container = bitstream.read(file)
    with pytest.raises(cc.BitstreamError, match="three bytes"):
        cc.decode(bitstream.write(container.header, b"four"), models=library)
    other = bitstream.write(replace(container.header, model_id=61002), container.payload)
    for models in (library, OneCodec(codec)):
        with pytest.raises(cc.PresetError):
            cc.decode(other, models=models)


@pytest.mark.parametrize("damage", ["content", "arrays", "missing"])
def test_its_damaged_presets_are_refused(damage: str, tmp_path: Path) -> None:
    card = write_toy(tmp_path, "toy-small", 61001)
    tensors = tmp_path / "toy-small.safetensors"
    if damage == "content":
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    elif damage == "arrays":
        PresetFile.of(card, {"blue": np.zeros(1)}, {"family": "toy"}).save(tmp_path)
    else:
        tensors.unlink()
    with pytest.raises(cc.PresetError, match=r"toy-small\.safetensors"):
        cc.PresetLibrary(tmp_path, families=WITH_TOY).choose("toy", ImageShape(9, 9), 99.0)


def test_without_the_line_it_is_unknown(folder: Path) -> None:
    library = cc.PresetLibrary(folder)
    with pytest.raises(cc.PresetError, match=r"^There is no family toy; there are: "):
        library.choose("toy", ImageShape(40, 24), 99.0)
    assert library.choose("siren", ImageShape(40, 24), 1200.0).card.family == "siren"


def test_every_family_can_be_trained_from_the_command_line() -> None:
    for name in WITH_TOY:
        commands = argparse.ArgumentParser().add_subparsers()
        family_named(name, WITH_TOY).add_train_command(commands)
        assert list(commands.choices) == [name]


def test_cards_say_what_family_they_are_of(folder: Path) -> None:
    text = json.loads((folder / "toy-small.json").read_text("utf-8"))
    assert (text["family"], text["kind"]) == ("toy", "image")
