"""Quantised networks as named arrays: bytes for weights, half precision for what may be rounded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from combiner_core.multires.quantised_conv import GRID, QuantisedConv

Arrays = dict[str, NDArray[np.generic]]


def to_arrays(module: nn.Module) -> Arrays:
    """Arrays of a module whose exact layers have been quantised.

    Each of these gives `weight` (int8) and `bias` (int32), integers in steps of 2^-`exponent`
    (int8, per output) and 1/64 of that; all other parameters are stored as float16, the few that
    are neither weights nor biases as float32.
    """
    arrays: Arrays = {}
    exact = {name for name, part in module.named_modules() if isinstance(part, QuantisedConv)}
    for name, part in module.named_modules():
        if name in exact:
            assert isinstance(part, QuantisedConv)
            weight, bias, exponent = part.integers()
            arrays[f"{name}.weight"] = weight
            arrays[f"{name}.bias"] = bias
            arrays[f"{name}.exponent"] = exponent
    for name, parameter in module.named_parameters():
        owner, _, leaf = name.rpartition(".")
        if owner not in exact:
            kind = np.float16 if leaf in ("weight", "bias") else np.float32
            arrays[name] = parameter.detach().float().numpy().astype(kind)
    return arrays


def from_arrays(module: nn.Module, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Put the arrays of `to_arrays` into a module of the same configuration, to be quantised then.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another shape, or values that are no numbers.
    """
    state: dict[str, torch.Tensor] = {}
    for name, parameter in module.named_parameters():
        owner = name.rpartition(".")[0]
        values = torch.from_numpy(arrays[name].astype(np.float32))
        if f"{owner}.exponent" in arrays:
            step = torch.exp2(-torch.from_numpy(arrays[f"{owner}.exponent"].astype(np.float32)))
            scale = step / GRID if name.endswith("bias") else step[:, None, None, None]
            values = values * scale
        if values.shape != parameter.shape or not bool(torch.isfinite(values).all()):
            raise ValueError(f"the array {name} does not fit its network")
        state[name] = values
    module.load_state_dict(state, strict=False)
