"""Training signals from folders of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from combiner_core.errors import CombinerError
from combiner_core.signals import load_audio, load_image, resample, to_mono
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.preset import Framing
from combiner_core.training import files_of

# of all images, the usual share to choose among
TEXTURED_SHARE = 0.6


def image_targets(
    folders: Sequence[Path],
    count: int,
    textured_share: float,
    tiles: int,
    seed: int,
    device: torch.device | str,
) -> tuple[list[FieldData], list[str]]:
    """A random choice among the more textured images of some folders, and their file names.

    Args:
        folders: searched without their subfolders.
        count: images to return.
        textured_share: share of all images, those with the greatest mean absolute difference of
            neighbouring pixels, to choose among.
        tiles: along each side; above 1 a random one of tiles x tiles parts stands for each image.
        seed: of the choice.
        device: where to put the pixels.

    Raises:
        CombinerError: there are not that many, or one is too small for so many tiles.
    """
    generator = np.random.default_rng(seed)
    images = {path: load_image(path).values for path in files_of(folders)}
    texture = {
        path: np.abs(np.diff(pixels.astype(np.int16), axis=0)).mean()
        for path, pixels in images.items()
    }
    kept = sorted(images, key=lambda path: -texture[path])[: round(len(images) * textured_share)]
    chosen = _choose(sorted(kept), count, seed)
    for path in chosen:
        if min(images[path].shape[:2]) < tiles:
            raise CombinerError(f"{path.name} is too small for {tiles} tiles along each side.")
    targets = [FieldData.image(_part(images[path], tiles, generator), device) for path in chosen]
    return targets, [path.name for path in chosen]


def audio_targets(
    folders: Sequence[Path],
    count: int,
    framing: Framing,
    parts: int,
    seed: int,
    device: torch.device | str,
) -> tuple[list[FieldData], list[str]]:
    """Segments at random places of randomly chosen clips, and the clips' file names.

    Args:
        folders: searched without their subfolders.
        count: clips to learn from.
        framing: length of a segment.
        parts: segments of each clip, one after the other.
        seed: of the choice.
        device: where to put the samples.

    Raises:
        CombinerError: there are not that many clips long enough.
    """
    generator = np.random.default_rng(seed)
    length = parts * framing.segment_samples
    targets, names = [], []
    for path in _choose(files_of(folders), None, seed):
        clip = resample(to_mono(load_audio(path)), framing.sample_rate)
        spare = clip.samples - length
        if spare < 0:
            continue
        start = int(generator.integers(spare + 1))
        for samples in np.split(clip.values[0, start : start + length], parts):
            targets.append(FieldData.audio(samples, framing.segment_samples, device))
        names.append(path.name)
        if len(names) == count:
            return targets, names
    raise CombinerError(f"There are only {len(names)} clips long enough, {count} are needed.")


def _part(
    pixels: NDArray[np.uint8], tiles: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = pixels.shape[0] // tiles, pixels.shape[1] // tiles
    top = int(generator.integers(pixels.shape[0] - height + 1))
    left = int(generator.integers(pixels.shape[1] - width + 1))
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _choose(paths: Sequence[Path], count: int | None, seed: int) -> list[Path]:
    if count is not None and len(paths) < count:
        raise CombinerError(f"There are only {len(paths)} images to choose {count} from.")
    order = np.random.default_rng(seed).permutation(len(paths))
    return [paths[index] for index in order[:count]]
