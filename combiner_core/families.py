"""Model families: what each must be able to do, and the registry, in which a family is one line."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from combiner_core.errors import PresetError

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray

    from combiner_core.anatomy import Anatomy
    from combiner_core.beliefs import Belief
    from combiner_core.bitstream import Header
    from combiner_core.card import Card
    from combiner_core.clock import Clock
    from combiner_core.events import Progress
    from combiner_core.importance import Importance
    from combiner_core.options import DecodeOptions, DeviceName, EncodeOptions, TuneName
    from combiner_core.signals import AudioShape, Shape, Signal

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

# where the class of each family is; loaded when it is needed
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "multires": "combiner_core.multires.family:MultiresFamily",
        "siren": "combiner_core.siren.family:SirenFamily",
    }
)


@dataclass(frozen=True)
class Intent:
    """What a file is made for, and how it is meant to look.

    Attributes:
        tune: what its bytes were spent for.
        detail: share of what was not sent that the file suggests to make up for, from 0 to 1; None
            if there can be none.
    """

    tune: TuneName = "psnr"
    detail: float | None = None


@dataclass(frozen=True)
class Coded:
    """A fitted and coded signal.

    Attributes:
        payload: the bytes.
        parameters: for the header, as long as the plan said.
        kl_bits: KL[q || p] of the posterior, of the whole signal.
        side_bits: information in the payload that is no relative entropy code.
        fit_s, code_s: seconds of work fitting before coding, and coding with what goes on between.
        device: where the fit ran.
    """

    payload: bytes
    parameters: bytes
    kl_bits: float
    side_bits: float
    fit_s: float
    code_s: float
    device: str


class Plan(Protocol):
    """How a codec is going to encode one signal in a file of one size."""

    @property
    def parameters_bytes(self) -> int:
        """Length of the parameters that the header is going to hold."""

    @property
    def fields(self) -> int:
        """Networks whose weights the file is going to hold."""

    def start(self, payload_bytes: int, clock: Clock) -> Generator[Progress | Coded, None, None]:
        """Begin; the work is done as events are asked for, the last of which is `Coded`.

        Raises:
            BudgetError: at once: the codec can do nothing with so many bytes.
        """


class Codec(Protocol):
    """Encoder and decoder under one prior."""

    @property
    def card(self) -> Card:
        """What is known of the prior; its number and its hash tie files to it."""

    def plan(
        self,
        signal: Signal,
        file_bytes: int,
        options: EncodeOptions,
        importance: Importance | None = None,
    ) -> Plan:
        """Decide what depends on the size of the file alone.

        Raises:
            CombinerError: the options or the importance map are none that this codec knows.
        """

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        options: DecodeOptions,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there.

        Args:
            header: of the file.
            payload: the first bytes of the payload.
            payload_bytes: its full length.
            options: how.
            device_name: where to evaluate the field.

        Raises:
            BitstreamError: the parameters or the length are none that an encoder writes.
        """

    def uncertainty(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> NDArray[np.float32]:
        """The deviations that a decoder expects of the decoded signal.

        Returns:
            Of an image, of each pixel in grey levels: (H, W). Of a clip, of each band of each
            frame, full scale being 1: (channels, frames, bands).

        Raises:
            BitstreamError: as `decode`.
            CombinerError: this codec knows of none.
        """

    def belief(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Belief:
        """What the file of a picture tells: mean, a sample and deviations of the part coded.

        Raises:
            BitstreamError: as `decode`.
            CombinerError: this codec knows of no such thing.
        """

    def dissect(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Anatomy:
        """What the file of a picture is made of.

        Raises:
            BitstreamError: as `decode`.
            CombinerError: this codec knows of no levels.
        """

    def weights(self, header: Header, payload: bytes, payload_bytes: int) -> NDArray[np.generic]:
        """The received weights, the same on every machine.

        Raises:
            BitstreamError: as `decode`.
        """

    def modelled_samples(self, shape: AudioShape) -> float:
        """Samples of all channels that decoding a clip computes, at the model's own rate."""

    def fields(self, header: Header) -> int:
        """Networks whose weights a file holds: tiles of an image, segments of a clip.

        Raises:
            BitstreamError: as `decode`.
        """


class Family(Protocol):
    """A kind of field with its prior; made without arguments."""

    def load(self, card: Card, arrays: dict[str, NDArray[Any]], config: dict[str, Any]) -> Codec:
        """The codec of a preset.

        Args:
            card: of the preset.
            arrays: its tensors.
            config: its settings.

        Raises:
            KeyError, TypeError, ValueError: they do not make one.
        """

    def mismatch(self, card: Card, shape: Shape, bits: float) -> float:
        """How badly a preset suits a signal that is to have so many bits; 0 is best."""

    def intent(self, header: Header) -> Intent:
        """What a file is made for.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
        """

    def add_train_command(self, commands: Subparsers) -> None:
        """Add a command that learns a prior, named like the family."""


def family_named(name: str, families: Mapping[str, str] = FAMILIES) -> Family:
    """A family of a registry.

    Raises:
        PresetError: there is none of this name.
    """
    if name not in families:
        raise PresetError(f"There is no family {name}; there are: {', '.join(families)}.")
    family: Family = resolve_name(families[name])()
    return family


class Models(Protocol):
    """Where codecs come from: a library of presets, or one codec at hand."""

    def choose(self, model: str, shape: Shape, bits: float) -> Codec:
        """The codec for a signal that is to have so many bits.

        Raises:
            PresetError: there is no such model, or none for this kind of signal.
        """

    def for_file(self, header: Header) -> Codec:
        """The codec that a file was made with.

        Raises:
            PresetError: it is not here, or here in another version.
        """


@dataclass(frozen=True)
class OneCodec:
    """A single codec, in the place of a library.

    Attributes:
        codec: used for everything.
    """

    codec: Codec

    def choose(self, model: str, shape: Shape, bits: float) -> Codec:
        """The codec, whatever is asked for.

        Raises:
            PresetError: it is for another kind of signal.
        """
        self.codec.card.check_kind(shape.kind)
        return self.codec

    def for_file(self, header: Header) -> Codec:
        """The codec.

        Raises:
            PresetError: the file was made with another prior.
        """
        self.codec.card.check_file(header)
        return self.codec
