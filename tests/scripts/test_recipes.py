"""Longer training, as it is typed: minutes each, run by `make validate`."""

import json

import pytest
import torch

from sobolev.scripts import cli

DARCY = "--model.width 32 --model.modes 12 --training.augmentation symmetries"
BURGERS = "--model.width 48 --model.modes 20 --training.batch_size 32"
COMMON = "--training.epochs 120 --training.learning_rate 2e-3"


@pytest.fixture(autouse=True)
def all_cores(one_thread):
    """Undo the single thread of the other tests: these are long."""
    torch.set_num_threads(2)


def trained(folder, generate, train):
    """Test error, relative L2, of a surrogate trained by two commands."""
    data, output = folder / "data.h5", folder / "fno"
    assert cli.main([*f"generate {generate}".split(), "--output", str(data)]) == 0
    assert cli.main([*f"train fno {data} {train} {COMMON}".split(), "--output", str(output)]) == 0
    return json.loads((output / "config.json").read_text())["result"]["test_error"]


@pytest.mark.slow
def test_fno_on_darcy_is_below_one_percent(tmp_path):
    error = trained(tmp_path, "darcy --samples 1280 --resolution 32", DARCY)
    print(f"FNO on Darcy: {error:.3%}")
    assert error < 0.01


@pytest.mark.slow
def test_fno_on_burgers_is_below_half_a_percent(tmp_path):
    generate = "burgers --samples 2560 --resolution 128 --tolerance 1e-6"
    error = trained(tmp_path, f"{generate} --problem.constant_mode false", BURGERS)
    print(f"FNO on Burgers: {error:.3%}")
    assert error < 0.005
