"""Loading: the numbers of the file, in the order asked for, and no file left open."""

import json
import os

import numpy as np
import pytest
import torch

from sobolev.datasets import storage
from sobolev.datasets.loader import PairStream, load_pairs, load_windows, split
from sobolev.datasets.normalizer import Normalizer
from sobolev.datasets.reader import Dataset
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

N, FRAMES, POINTS = 6, 5, 8


def write(path, arrays, grid, times=None):
    """A file as generation writes it, from {`inputs/a`: array}; 1-D arrays are scalars."""
    attributes = {
        "problem": "burgers",
        "problem_config": json.dumps({"frames": FRAMES}),
        "plan": json.dumps({"fidelity": {"resolution": POINTS, "tolerance": 1e-6}}),
        "grid": json.dumps(grid.to_dict()),
        "software": "{}",
        "failed": "[]",
        "card": "",
    }
    if times is not None:
        arrays = {"coordinates/t": times, **arrays}
    arrays = {
        **arrays,
        "coordinates/x": grid.axes[0],
        "status/sample": np.arange(N),
        "status/seconds": np.full(N, 0.25),
    }
    with storage.create(path, attributes) as writer:
        for name, values in arrays.items():
            kind = "scalar" if values.ndim == 1 else "field"
            writer.create(name, values.shape, values.dtype, units="m", kind=kind)
            writer.append(name, values)
    return arrays


@pytest.fixture
def trajectories(tmp_path):
    generator = np.random.default_rng(0)
    grid = Grid(((0.0, 1.0),), (POINTS,), True)
    arrays = {
        "inputs/u0": generator.random((N, POINTS)),
        "inputs/viscosity": generator.random(N),
        "outputs/u": generator.random((N, FRAMES, POINTS)),
    }
    path = tmp_path / "trajectories.h5"
    return path, write(path, arrays, grid, np.linspace(0.0, 1.0, FRAMES))


@pytest.fixture
def steady(tmp_path):
    generator = np.random.default_rng(1)
    grid = Grid(((0.0, 1.0),) * 2, (9, 9))
    arrays = {
        "inputs/a": generator.random((N, 9, 9)),
        "outputs/u": generator.random((N, 9, 9)).astype(np.float32),
    }
    path = tmp_path / "steady.h5"
    return path, write(path, arrays, grid)


def test_the_file_describes_itself(trajectories):
    path, arrays = trajectories
    dataset = Dataset(path)
    assert len(dataset) == N
    assert dataset.inputs == ("u0", "viscosity")
    assert dataset.outputs == ("u",)
    assert dataset.kinds == {"u0": "field", "viscosity": "scalar", "u": "field"}
    assert dataset.grid == Grid(((0.0, 1.0),), (POINTS,), True)
    assert dataset.data_seconds == 0.25 * N
    assert dataset.fidelity.tolerance == 1e-6
    assert dataset.problem().config()["frames"] == FRAMES
    np.testing.assert_array_equal(dataset.times, arrays["coordinates/t"])
    np.testing.assert_array_equal(dataset.read("u", [4, 1]), arrays["outputs/u"][[4, 1]])
    np.testing.assert_array_equal(dataset.read("status/sample"), np.arange(N))


def test_pairs_of_a_trajectory(trajectories):
    path, arrays = trajectories
    data = load_pairs(path, [5, 0, 3], subsample=2, dtype=torch.float64)
    assert data.input_names == ("u0", "viscosity")
    assert data.grid.shape == (POINTS // 2,)
    rows = [5, 0, 3]
    np.testing.assert_array_equal(data.inputs[:, 0], arrays["inputs/u0"][rows][:, ::2])
    constant = np.repeat(arrays["inputs/viscosity"][rows][:, None], POINTS // 2, 1)
    np.testing.assert_array_equal(data.inputs[:, 1], constant)
    np.testing.assert_array_equal(data.targets[:, 0], arrays["outputs/u"][rows][:, -1, ::2])
    middle = load_pairs(path, frame=2)
    assert middle.targets.dtype == torch.float32
    expected = arrays["outputs/u"][:, 2].astype(np.float32)
    np.testing.assert_array_equal(middle.targets[:, 0], expected)


def test_pairs_of_a_steady_problem(steady):
    path, arrays = steady
    data = load_pairs(path, subsample=4, dtype=torch.float64)
    np.testing.assert_array_equal(data.inputs[:, 0], arrays["inputs/a"][:, ::4, ::4])
    np.testing.assert_array_equal(data.targets[:, 0], arrays["outputs/u"][:, ::4, ::4])
    chosen = data.take([2, 2, 0])
    assert len(chosen) == 3
    assert torch.equal(chosen.inputs, data.inputs[[2, 2, 0]])
    assert chosen.grid == data.grid


def test_blocks_do_not_show(steady, monkeypatch):
    whole = load_pairs(steady[0], [3, 1, 4, 1, 5])
    monkeypatch.setattr(storage, "BLOCK_BYTES", 2 * 81 * 8)
    parts = load_pairs(steady[0], [3, 1, 4, 1, 5])
    assert torch.equal(whole.inputs, parts.inputs)
    assert torch.equal(whole.targets, parts.targets)


def test_windows_hold_consecutive_frames(trajectories):
    path, arrays = trajectories
    data = load_windows(path, 2, 1, [4, 2], stride=2, subsample=2, dtype=torch.float64)
    assert data.input_names == ("u[0]", "u[1]", "viscosity")
    assert data.target_names == ("u[2]",)
    u = arrays["outputs/u"][[4, 2]][:, :, ::2]
    expected = np.stack([u[0, 0:3], u[0, 2:5], u[1, 0:3], u[1, 2:5]])
    np.testing.assert_array_equal(data.inputs[:, :2], expected[:, :2])
    np.testing.assert_array_equal(data.targets, expected[:, 2:])
    viscosity = np.repeat(arrays["inputs/viscosity"][[4, 2]], 2)
    np.testing.assert_array_equal(data.inputs[:, 2, 0], viscosity)


def test_a_stream_gives_what_memory_gives(trajectories):
    path, _ = trajectories
    indices = [5, 2, 0, 3]
    data = load_pairs(path, indices)
    stream = PairStream(path, indices)
    loader = torch.utils.data.DataLoader(stream, batch_size=3, num_workers=1)
    batches = list(loader)
    assert torch.equal(torch.cat([inputs for inputs, _ in batches]), data.inputs)
    assert torch.equal(torch.cat([targets for _, targets in batches]), data.targets)
    assert torch.equal(stream[1][0], data.inputs[1])


def test_nothing_is_held_open(trajectories):
    path, _ = trajectories
    before = len(os.listdir("/proc/self/fd"))
    stream = PairStream(path)
    for i in range(N):
        stream[i]
    load_windows(path)
    Dataset(path).read("u")
    assert len(os.listdir("/proc/self/fd")) == before
    path.unlink()
    with pytest.raises(InputError, match="found no file"):
        stream[0]


def test_a_flipped_byte_is_seen_while_reading(trajectories):
    path, arrays = trajectories
    raw = bytearray(path.read_bytes())
    position = raw.find(arrays["outputs/u"][3, 2].tobytes())
    raw[position + 20] ^= 4
    path.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        load_pairs(path)


def test_illegal_requests(trajectories, steady, tmp_path):
    path, _ = trajectories
    with pytest.raises(InputError, match=r"indices in 0\.\.5"):
        load_pairs(path, [6])
    with pytest.raises(InputError, match="stride that divides"):
        load_pairs(path, subsample=3)
    with pytest.raises(InputError, match=r"frame in -5\.\.4"):
        load_pairs(path, frame=5)
    with pytest.raises(InputError, match="<= 5 frames"):
        load_windows(path, 3, 3)
    with pytest.raises(InputError, match=">= 1"):
        load_windows(path, 0, 3)
    with pytest.raises(InputError, match="use load_pairs"):
        load_windows(steady[0])
    with pytest.raises(InputError, match="expected one of u0, viscosity, u"):
        Dataset(path).read("v")
    cells = tmp_path / "cells.h5"
    grid = Grid(((0.0, 1.0),), (POINTS,), False, "cell")
    write(cells, {"inputs/a": np.zeros((N, POINTS)), "outputs/u": np.zeros((N, POINTS))}, grid)
    with pytest.raises(InputError, match="got cells"):
        load_pairs(cells, subsample=2)


def test_splits_are_disjoint_complete_and_repeatable():
    parts = split(103, seed=5)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [83, 10, 10]
    everything = np.concatenate(list(parts.values()))
    np.testing.assert_array_equal(np.sort(everything), np.arange(103))
    for name, part in split(103, seed=5).items():
        np.testing.assert_array_equal(part, parts[name])
    assert not np.array_equal(split(103, seed=6)["test"], parts["test"])
    assert [len(part) for part in split(4).values()] == [2, 1, 1]
    assert [len(part) for part in split(100, (0.5, 0.2, 0.0)).values()] == [50, 20, 0]
    for n, fractions in ((2, (0.8, 0.1, 0.1)), (9, (0.8, 0.3, 0.1)), (9, (0.5, -0.1, 0.1))):
        with pytest.raises(InputError, match="expected"):
            split(n, fractions)
    with pytest.raises(InputError, match="expected three"):
        split(9, (0.5, float("nan"), 0.1))


def test_normaliser():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(50, 3, 7, 5, generator=generator) * 3e-4 + 2.0
    values[:, 1] = 0.1  # a constant channel keeps its scale
    normaliser = Normalizer(3).fit(values)
    scaled = normaliser(values)
    mean, std = scaled.double().mean((0, 2, 3)), scaled.double().std((0, 2, 3), correction=0)
    assert torch.all(mean.abs() < 1e-3)
    assert torch.all((std[[0, 2]] - 1).abs() < 1e-3)
    assert torch.all(scaled[:, 1] == 0)
    torch.testing.assert_close(normaliser.inverse(scaled), values, rtol=3e-7, atol=0)
    other = Normalizer(3)
    other.load_state_dict(normaliser.state_dict())
    assert torch.equal(other(values), scaled)
    with pytest.raises(InputError, match=r"shape \(N, 3"):
        normaliser.fit(values[:, :2])
