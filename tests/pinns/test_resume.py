"""A run that was killed and resumed ends with the bits of a run that was not."""

import csv
import signal
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

PROGRAM = """
import math, os, signal, sys
import torch
from sobolev.geometry.shapes import Interval
from sobolev.pinns.conditions import Initial, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.pinn import train
from sobolev.pinns.statement import Statement

def run(folder, kill, resume, hard, sampler, pieces=("gradient_norm", "adam", "lbfgs")):
    weighting, first, second = pieces
    statement = Statement(
        ("t", "x"), Interval(-1.0, 1.0),
        lambda u, d, x, p: d(u, "t") + u * d(u, "x") - 0.05 * d(u, "xx"),
        [Periodic("x", hard=True), Initial(lambda x: -torch.sin(math.pi * x["x"]))],
        times=(0.0, 1.0),
    )
    config = PINNConfig(
        width=7, depth=2, points=50, chunk=16, initial_points=11, hard_initial=hard,
        sampler=sampler, weighting=weighting, refresh_every=9, first=first, first_steps=25,
        second=second, second_steps=40, memory=6, checkpoint_every=10, log_every=7,
    )

    def progress(step, total, text):
        if step == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    return train(statement, None, config, folder, resume, progress)
"""


def run_here(folder, **options):
    names: dict = {}
    exec(PROGRAM, names)
    return names["run"](folder, **options)


def run_there(folder, **options):
    program = f"{PROGRAM}\nrun({str(folder)!r}, **{options!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def rows(folder):
    with open(folder / "history.csv") as file:
        return [row[:-1] for row in csv.reader(file)]  # all but the seconds


@pytest.mark.parametrize(
    "kills, hard, sampler, pieces",
    [
        ((14, 42), False, "adaptive", ("gradient_norm", "adam", "lbfgs")),
        ((49,), True, "uniform", ("causal", "soap", "ssbroyden")),
        ((49,), False, "sobol", ("self_adaptive", "multi_adam", "gauss_newton")),
    ],
)
def test_killed_and_resumed_is_bit_equal(tmp_path, kills, hard, sampler, pieces):
    options = {"hard": hard, "sampler": sampler, "pieces": pieces}
    run_here(tmp_path / "whole", kill=-1, resume=False, **options)
    for i, kill in enumerate(kills):  # between two checkpoints, in Adam and in L-BFGS
        code, message = run_there(tmp_path / "killed", kill=kill, resume=i > 0, **options)
        assert code == -signal.SIGKILL, message
        assert not (tmp_path / "killed" / "weights.safetensors").exists()
    run_here(tmp_path / "killed", kill=-1, resume=True, **options)

    ours = load_file(tmp_path / "killed" / "weights.safetensors")
    theirs = load_file(tmp_path / "whole" / "weights.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    options = {"kill": -1, "hard": True, "sampler": "sobol"}
    first = run_here(tmp_path / "run", resume=False, **options)
    again = run_here(tmp_path / "run", resume=True, **options)
    assert again.history == first.history
    assert again.steps == first.steps == 65
    assert abs(again.seconds - first.seconds) < 0.5 * first.seconds
