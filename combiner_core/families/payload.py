"""What the encoder of a family hands to the container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from combiner_core.bitstream import Header
from combiner_core.events import Progress
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.signals import Signal


@dataclass(frozen=True)
class FittedPayload:
    """A fitted and coded signal.

    Attributes:
        payload: the bytes.
        parameters: for the header, as long as those the encoder was given there.
        kl_bits: KL[q || p] of the posterior, of the whole signal.
        side_bits: information in the payload that is no relative entropy code.
        fit_s, code_s: seconds spent fitting before coding, and coding with refinement.
        device: where the fit ran.
    """

    payload: bytes
    parameters: bytes
    kl_bits: float
    side_bits: float
    fit_s: float
    code_s: float
    device: str


class Family(Protocol):
    """Encoder and decoder for one preset."""

    def parameters(self, signal: Signal, file_bytes: int, options: EncodeOptions) -> bytes:
        """For the header, as far as they are known before encoding; their length is."""

    def encode(
        self, signal: Signal, header: Header, payload_bytes: int, options: EncodeOptions
    ) -> Iterator[Progress | FittedPayload]:
        """Fit and code; yields progress, and the payload last.

        Raises:
            BudgetError: the family can do nothing with so many bytes.
        """

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        scale: float,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there.

        Args:
            header: of the file.
            payload: the first bytes of the payload.
            payload_bytes: its full length.
            scale: of the grid on which to evaluate the field.
            device_name: where to evaluate it.

        Raises:
            BitstreamError: the parameters or the length are none that an encoder writes.
        """
