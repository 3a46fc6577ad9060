"""What is done with every file of a batch, the same on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from combiner_core.budget import Budget
from combiner_core.errors import CombinerError
from combiner_core.limits import DEFAULT_LIMITS, Limits
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.signals.shape import Kind

_SOUND = ("wav", "flac")


@dataclass(frozen=True)
class EncodeSettings:
    """How files are compressed.

    Attributes:
        budgets: of images and of clips; for `bytes` both are the same.
        options: the rest; the device "auto" stands for a processor, whatever a machine has, so that
            bytes do not depend on where a file is compressed.
        frame_s, keep_metadata: see `iter_compress`.
        limits: of signals.

    Raises:
        CombinerError: there is no budget.
    """

    budgets: Mapping[Kind, Budget]
    options: EncodeOptions = field(default_factory=EncodeOptions)
    frame_s: float | None = None
    keep_metadata: bool = False
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not self.budgets:
            raise CombinerError("Say how large files may be: in bytes, bpp or kbps.")

    def budget(self, kind: Kind) -> Budget:
        """For signals of this kind; if there is none the other, which then says what is wrong."""
        return self.budgets.get(kind) or next(iter(self.budgets.values()))

    def summary(self) -> dict[str, Any]:
        """What decides the bytes of outputs, as JSON has it."""
        budgets = {kind: asdict(budget) for kind, budget in sorted(self.budgets.items())}
        return {
            "command": "encode",
            **asdict(self.options),
            "budgets": budgets,
            "frame_s": self.frame_s,
            "keep_metadata": self.keep_metadata,
            "limits": asdict(self.limits),
        }


@dataclass(frozen=True)
class DecodeSettings:
    """How files are decompressed.

    Attributes:
        fraction, scale, device, depth, detail, limits: see `combiner_core.codec.decode`.
        sound: container of clips; images are PNG.

    Raises:
        CombinerError: there is no such container.
    """

    fraction: float = 1.0
    scale: float = 1.0
    device: DeviceName = "auto"
    depth: int = 8
    detail: float | None = None
    sound: Literal["wav", "flac"] = "wav"
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.sound not in _SOUND:
            raise CombinerError(f"Sound is written as {' or '.join(_SOUND)}, not as {self.sound}.")

    def summary(self) -> dict[str, Any]:
        """What decides the bytes of outputs, as JSON has it."""
        return {"command": "decode", **asdict(self)}


Settings = EncodeSettings | DecodeSettings
