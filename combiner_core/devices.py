"""Choosing where tensors live."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from combiner_core.errors import CombinerError
from combiner_core.options import DeviceName

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def resolve(name: DeviceName) -> torch.device:
    """The device of that name; "auto" is a GPU if there is one.

    Raises:
        CombinerError: a GPU was asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise CombinerError("There is no CUDA device on this machine.")
    return torch.device(name)


def placed(model: ModuleT, device: torch.device) -> ModuleT:
    """The model, moved to the device if it is not there yet."""
    return model if next(model.parameters()).device == device else model.to(device)


def half_precision(device: torch.device) -> AbstractContextManager[object]:
    """Where inexact results will do: convolutions in bfloat16, if the device is faster at that."""
    if device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
