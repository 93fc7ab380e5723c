"""Datasets as tensors for training: pairs of functions, windows of trajectories, or a stream.

Scalars become channels that are constant in space.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from . import storage
from .reader import Dataset, Indices


@dataclass
class OperatorData:
    """Pairs of functions on one grid: inputs and targets (N, channels, *grid.shape)."""

    inputs: Tensor
    targets: Tensor
    grid: Grid
    input_names: tuple[str, ...]
    target_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: Indices) -> OperatorData:
        """A copy of some pairs, in the order given."""
        chosen = torch.as_tensor(np.asarray(indices, dtype=np.int64))
        return OperatorData(
            self.inputs[chosen],
            self.targets[chosen],
            self.grid,
            self.input_names,
            self.target_names,
        )


class PairStream(torch.utils.data.Dataset):
    """Pairs (input, target), each (channels, *grid), read from disk when they are asked for.

    For data that does not fit in memory: a DataLoader fetches a whole batch by one opening of the
    file (`__getitems__`), in the order of the rows on disk.

    indices: samples to use, all where None; subsample: every so-manieth point of the grid;
    frame: of a trajectory, the frame that is the target.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        indices: Indices | None = None,
        subsample: int = 1,
        dtype: torch.dtype = torch.float32,
        frame: int = -1,
    ) -> None:
        self.dataset = Dataset(path)
        self.indices = self.dataset._indices(indices)
        self.dtype, self.subsample, self.frame = dtype, subsample, frame
        self.grid = _subsampled(self.dataset.grid, subsample)
        self.input_names = self.dataset.inputs
        self.target_names = self.dataset.outputs
        frames = 1 if self.dataset.times is None else len(self.dataset.times)
        if not -frames <= frame < frames:
            raise InputError(f"expected a frame in {-frames}..{frames - 1}, got {frame}")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        inputs, targets = self.batch(positions)
        return list(zip(inputs, targets, strict=True))

    def batch(self, positions: Indices) -> tuple[Tensor, Tensor]:
        """Inputs and targets (n, channels, *grid) of positions in `indices`, one opening."""
        chosen = self.indices[np.asarray(positions, dtype=np.int64)]
        with storage.opened(self.dataset.path) as file:
            inputs = [self._channel(file[f"inputs/{n}"], n, chosen) for n in self.input_names]
            targets = [self._channel(file[f"outputs/{n}"], n, chosen) for n in self.target_names]
        return torch.stack(inputs, 1), torch.stack(targets, 1)

    def _channel(self, stored: Any, name: str, chosen: np.ndarray) -> Tensor:
        rows = storage.read_rows(stored, chosen)
        if self.dataset.kinds[name] == "field" and rows.ndim == self.grid.ndim + 2:
            rows = rows[:, self.frame]
        return _on_grid(rows, self.dataset.kinds[name], self.grid, self.subsample, self.dtype)


def load_pairs(
    path: str | os.PathLike[str],
    indices: Indices | None = None,
    subsample: int = 1,
    dtype: torch.dtype = torch.float32,
    frame: int = -1,
) -> OperatorData:
    """All inputs and outputs of the chosen samples in memory, read in one pass.

    Inputs are channels in the order of the file, scalars constant ones; the targets are the
    outputs, of a trajectory the frame `frame` (the last). subsample: see `Grid.subsample`.
    Raises InputError for an unusable file, indices, stride or frame.
    """
    stream = PairStream(path, indices, subsample, dtype, frame)
    shape = stream.grid.shape
    inputs = torch.empty((len(stream), len(stream.input_names), *shape), dtype=dtype)
    targets = torch.empty((len(stream), len(stream.target_names), *shape), dtype=dtype)
    # Blocks bound the memory that the stored precision, grid and frames need beside the result.
    frames = 1 if stream.dataset.times is None else len(stream.dataset.times)
    for start, stop in storage.blocks((len(stream), frames * stream.dataset.grid.size), "f8"):
        inputs[start:stop], targets[start:stop] = stream.batch(np.arange(start, stop))
    return OperatorData(inputs, targets, stream.grid, stream.input_names, stream.target_names)


def load_windows(
    path: str | os.PathLike[str],
    n_in: int = 1,
    n_out: int = 1,
    indices: Indices | None = None,
    stride: int = 1,
    subsample: int = 1,
    dtype: torch.dtype = torch.float32,
    parameters: Sequence[str] | None = None,
) -> OperatorData:
    """Windows of trajectories: `n_in` frames are the input, the next `n_out` the target.

    A window begins at every `stride`-th frame of each chosen trajectory; windows of one
    trajectory are neighbours. Channels are frames, each with all output fields, named `u[0]`,
    `u[1]`, … from the window's first frame; then the `parameters`, inputs of the problem that do
    not change in time (all scalars where None).
    Raises InputError for a steady problem and for trajectories shorter than a window.
    """
    dataset = Dataset(path)
    if dataset.times is None:
        raise InputError(f"{path} holds no trajectories but a steady problem; use load_pairs")
    if min(n_in, n_out, stride) < 1:
        raise InputError(f"expected n_in, n_out, stride >= 1, got {n_in}, {n_out}, {stride}")
    span, frames = n_in + n_out, len(dataset.times)
    if span > frames:
        raise InputError(f"expected n_in + n_out <= {frames} frames of {path}, got {span}")
    if parameters is None:
        parameters = [name for name in dataset.inputs if dataset.kinds[name] == "scalar"]
    grid, chosen = _subsampled(dataset.grid, subsample), dataset._indices(indices)
    starts = range(0, frames - span + 1, stride)

    def channel(name: str) -> Tensor:
        rows = dataset.read(name, chosen)
        return _on_grid(rows, dataset.kinds[name], grid, subsample, dtype)

    fields = torch.stack([channel(name) for name in dataset.outputs], 2)  # (n, T, C, *grid)
    windows = torch.stack([fields[:, s : s + span] for s in starts], 1).flatten(0, 1)
    fixed = [channel(name).repeat_interleave(len(starts), 0)[:, None] for name in parameters]
    names = [f"{name}[{i}]" for i in range(span) for name in dataset.outputs]
    known = n_in * len(dataset.outputs)
    return OperatorData(
        torch.cat([windows[:, :n_in].flatten(1, 2), *fixed], 1),
        windows[:, n_in:].flatten(1, 2).contiguous(),
        grid,
        (*names[:known], *parameters),
        tuple(names[known:]),
    )


def split(
    n: int, fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0
) -> dict[str, np.ndarray]:
    """Disjoint sorted indices `train`, `validation`, `test`, the same for the same arguments.

    Every fraction above 0 gets at least one sample; what rounding leaves goes to `train` where
    the fractions sum to 1. Raises InputError for illegal fractions or too few samples.
    """
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or not (np.all(shares >= 0) and shares.sum() <= 1 + 1e-9):
        raise InputError(
            f"expected three fractions (train, validation, test) >= 0 with a sum of at most 1, "
            f"got {tuple(fractions)}"
        )
    counts = np.maximum(np.floor(shares * n + 1e-9), shares > 0).astype(int)
    if abs(shares.sum() - 1) < 1e-9:
        counts[0] = n - counts[1] - counts[2]
    if counts.sum() > n or counts[0] < 1:
        raise InputError(f"expected more than {n} samples to split by {tuple(fractions)}")
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, np.cumsum(counts))[:3]
    return {
        name: np.sort(part)
        for name, part in zip(("train", "validation", "test"), parts, strict=True)
    }


def _subsampled(grid: Grid, stride: int) -> Grid:
    return grid if stride == 1 else grid.subsample(stride)


def _on_grid(rows: np.ndarray, kind: str, grid: Grid, stride: int, dtype: torch.dtype) -> Tensor:
    """Rows (n, [frames,] *stored grid) or (n,) as a tensor (n, [frames,] *grid.shape)."""
    if kind == "scalar":
        values = torch.as_tensor(rows, dtype=dtype)
        return values.reshape(-1, *(1,) * grid.ndim).expand(-1, *grid.shape)
    every: Any = (..., *(slice(None, None, stride),) * grid.ndim)
    return torch.as_tensor(np.ascontiguousarray(rows[every]), dtype=dtype)
