"""Networks as named arrays: what comes back computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from tiny_presets import audio_model, image_model

from combiner_core.multires.exact_convolutions import ExactConv
from combiner_core.multires.integer_convolutions import IntegerConv
from combiner_core.multires.model import AudioModel, ImageModel, build
from combiner_core.multires.storage import from_arrays, to_arrays

EXACT_LAYERS = (ExactConv, IntegerConv)


@pytest.fixture(scope="module", params=["image", "audio"])
def model(request: pytest.FixtureRequest) -> ImageModel | AudioModel:
    return image_model() if request.param == "image" else audio_model()


def test_a_stored_network_computes_the_same(model: ImageModel | AudioModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(array) for name, array in to_arrays(model).items()}, path
    )
    again = build(model.config).eval()
    from_arrays(again, safetensors.numpy.load_file(path))
    for (name, one), other in zip(model.named_modules(), again.modules(), strict=True):
        if isinstance(one, EXACT_LAYERS):
            assert isinstance(other, EXACT_LAYERS)
            for kept, read in zip(one.parameters(), other.parameters(), strict=True):
                assert torch.equal(kept.float(), read.float()), name
    stored = safetensors.numpy.load_file(path)
    # what is stored as half precision has been rounded once, and is not again
    for name, array in to_arrays(again).items():
        assert np.array_equal(array, stored[name]), name


def test_layers_that_round_are_stored_in_bytes(model: ImageModel | AudioModel) -> None:
    arrays = to_arrays(model)
    exact = [name for name, part in model.named_modules() if isinstance(part, EXACT_LAYERS)]
    assert exact
    for name in exact:
        kinds = [arrays[f"{name}.{leaf}"].dtype for leaf in ("weight", "bias", "exponent")]
        assert kinds == [np.int8, np.int32, np.int8]


def test_bad_arrays_are_refused(model: ImageModel | AudioModel) -> None:
    arrays = to_arrays(model)
    name = next(name for name, part in model.named_modules() if isinstance(part, EXACT_LAYERS))
    fresh = build(model.config)
    with pytest.raises(KeyError):
        from_arrays(fresh, {key: value for key, value in arrays.items() if key != f"{name}.bias"})
    clipped = arrays[f"{name}.weight"][:, :, :1]
    with pytest.raises(ValueError, match="weight does not fit its network"):
        from_arrays(fresh, {**arrays, f"{name}.weight": clipped})
    unrounded = next(key for key in arrays if key.endswith("log_variance"))
    poisoned = np.full_like(arrays[unrounded], np.nan)
    with pytest.raises(ValueError, match=f"{unrounded} does not fit its network"):
        from_arrays(fresh, {**arrays, unrounded: poisoned})
