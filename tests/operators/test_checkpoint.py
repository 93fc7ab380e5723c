"""States come back bit for bit; foreign, cut and missing files are refused."""

import math

import pytest
import torch
from safetensors.torch import save_file

from sobolev.geometry.errors import InputError
from sobolev.operators.checkpoint import load_state, save_state

STATE = {
    "a": {"b": {"x": torch.randn(7, dtype=torch.float64)}, "n": 3, "none": None},
    "bytes": torch.arange(5, dtype=torch.uint8),
    "third": 1.0 / 3.0,
    "rows": [[1, 0.1 + 0.2], [2, math.pi]],
}


def test_round_trip(tmp_path):
    save_state(tmp_path / "c", "ours-1", STATE)
    back = load_state(tmp_path / "c", "ours-1")
    assert torch.equal(back["a"]["b"]["x"], STATE["a"]["b"]["x"])
    assert torch.equal(back["bytes"], STATE["bytes"])
    assert (back["third"], back["rows"]) == (STATE["third"], STATE["rows"])
    assert (back["a"]["n"], back["a"]["none"]) == (3, None)
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_refuses(tmp_path):
    path = tmp_path / "c"
    with pytest.raises(InputError, match="found none"):
        load_state(path, "ours-1")
    save_state(path, "ours-1", STATE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        load_state(path, "ours-1")
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="expected the schema ours-1"):
        load_state(path, "ours-1")
