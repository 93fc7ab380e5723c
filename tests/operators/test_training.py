"""The training loop: it learns, resumes to the same bits, and refuses what cannot be."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.operators.training import TrainingConfig, train

SMALL = {"width": 8, "modes": 6, "layers": 2}

CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from conftest import smoothing_pairs
import torch
from sobolev.operators.training import TrainingConfig, train
torch.set_num_threads(1)
def progress(done, total, message):
    print(done, flush=True)
    time.sleep({pause})
train(smoothing_pairs(80, 32), {output!r}, model_config={model!r}, resume={resume},
      training=TrainingConfig(**{config!r}), progress=progress)
"""

RESUMED = {
    "epochs": 8, "batch_size": 7, "checkpoint_steps": 3, "warmup": 0.1, "patience": 8,
    "checkpoint_epochs": 2, "weight_decay": 1e-3,
}  # fmt: skip


def child(output: Path, resume: bool = False, pause: float = 0.0, **config) -> subprocess.Popen:
    code = CHILD.format(
        tests=str(Path(__file__).parent), output=str(output), model=SMALL, resume=resume,
        config=config, pause=pause,
    )  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_killed_and_resumed_ends_in_the_same_bits(tmp_path):
    whole = child(tmp_path / "whole", **RESUMED)
    killed = child(tmp_path / "killed", pause=0.5, **RESUMED)
    assert killed.stdout is not None
    while killed.stdout.readline().strip() != "3":
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "config.json").exists()
    assert child(tmp_path / "killed", resume=True, **RESUMED).wait() == 0
    assert whole.wait() == 0
    one, other = tmp_path / "whole", tmp_path / "killed"
    name = "weights.safetensors"
    assert (one / name).read_bytes() == (other / name).read_bytes()
    assert _without_seconds(one) == _without_seconds(other)
    assert len(_without_seconds(one)) == RESUMED["epochs"]


def _without_seconds(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_stopping_inside_an_epoch_and_resuming_ends_in_the_same_bits(tmp_path, pairs, monkeypatch):
    config = TrainingConfig(epochs=3, batch_size=10, schedule="onecycle")
    train(pairs, tmp_path / "whole", model_config=SMALL, training=config)
    clock = iter(range(10**6))
    with monkeypatch.context() as patch:  # a second passes at every look at the clock
        patch.setattr(time, "perf_counter", lambda: float(next(clock)))
        limited = dataclasses.replace(config, time_limit=4.5)
        result = train(pairs, tmp_path / "cut", model_config=SMALL, training=limited)
    assert (result.stopped, result.epochs) == ("time limit", 0)
    train(pairs, tmp_path / "cut", model_config=SMALL, training=config, resume=True)
    name = "weights.safetensors"
    assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "step", "constant"])
def test_every_schedule_learns(tmp_path, pairs, schedule):
    config = TrainingConfig(epochs=12, batch_size=8, schedule=schedule, learning_rate=5e-3)
    result = train(pairs, tmp_path / "run", model_config=SMALL, training=config)
    assert result.test_error < 0.03
    assert result.stopped == "epochs"


def test_the_h1_loss_weighs_derivatives(tmp_path, pairs):
    config = TrainingConfig(epochs=12, batch_size=8, learning_rate=5e-3, loss="H1")
    assert train(pairs, tmp_path / "run", model_config=SMALL, training=config).test_error < 0.03


def test_double_precision_is_double(tmp_path, pairs):
    double = dataclasses.replace(
        pairs, inputs=pairs.inputs.double(), targets=pairs.targets.double()
    )
    config = TrainingConfig(epochs=1, precision="64-true")
    train(double, tmp_path / "run", model_config=SMALL, training=config)
    from sobolev.operators.surrogate import Surrogate

    surrogate = Surrogate.load(tmp_path / "run")
    assert surrogate.dtype == torch.float64
    predicted = surrogate.predict({"a": double.inputs[:2, 0].numpy()})
    assert (predicted != predicted.astype("float32")).any()


def test_patience_keeps_the_best_weights(tmp_path, pairs):
    config = TrainingConfig(
        epochs=40, batch_size=8, learning_rate=0.03, schedule="constant", patience=2
    )
    result = train(pairs, tmp_path / "run", model_config=SMALL, training=config)
    rows = _without_seconds(tmp_path / "run")
    errors = [float(row["validation_error"]) for row in rows]
    assert result.stopped == "patience"
    assert result.validation_error == pytest.approx(min(errors), rel=1e-12)
    assert errors.index(min(errors)) == len(errors) - 3


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path, pairs):
    config = TrainingConfig(epochs=5, learning_rate=1e30)
    with pytest.raises(InputError, match="lower learning_rate"):
        train(pairs, tmp_path / "run", model_config=SMALL, training=config)


def test_outputs_are_not_overwritten(tmp_path, pairs):
    config = TrainingConfig(epochs=1)

    def run(folder="run", **options):
        given = {"model_config": SMALL, "training": config} | options
        return train(pairs, tmp_path / folder, **given)

    run()
    before = (tmp_path / "run" / "weights.safetensors").read_bytes()
    with pytest.raises(InputError, match="not empty"):
        run()
    with pytest.raises(InputError, match="learning_rate was"):
        run(resume=True, training=TrainingConfig(epochs=1, learning_rate=1e-4))
    with pytest.raises(InputError, match="data checksum"):
        train(pairs.take(range(70)), tmp_path / "run", model_config=SMALL, training=config,
              resume=True)  # fmt: skip
    with pytest.raises(InputError, match="found none"):
        run("other", resume=True)
    with pytest.raises(InputError, match="both"):
        run(resume=True, force=True)
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before
    run(force=True)
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="other files"):
        run("mine", force=True)
    with pytest.raises(InputError, match="got the file"):
        run("mine/thesis.tex")
    with pytest.raises(InputError, match="unknown option 'depth'"):
        run("new", model_config={"depth": 3})
    with pytest.raises(InputError, match="did you mean 'fno'"):
        run("new", model="fn0")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0}, {"batch_size": -1}, {"learning_rate": float("nan")}, {"learning_rate": 0.0},
        {"warmup": 1.0}, {"schedule": "linear"}, {"loss": "L3"}, {"time_limit": -1.0},
        {"augmentation": "all"}, {"precision": "8"}, {"epochs": 2.5},
    ],
)  # fmt: skip
def test_options_that_cannot_be_used(options):
    with pytest.raises(InputError, match=next(iter(options))):
        TrainingConfig(**options)


def test_data_that_cannot_be_used(tmp_path, pairs):
    for change, words in (
        ({"targets": pairs.targets * float("nan")}, "finite data"),
        ({"inputs": pairs.inputs[:, :, :3]}, "grid"),
        ({"inputs": pairs.inputs[:50]}, "as many"),
    ):
        with pytest.raises(InputError, match=words):
            train(dataclasses.replace(pairs, **change), tmp_path / "run", model_config=SMALL)
    with pytest.raises(InputError, match="does not say so"):
        train(pairs, tmp_path / "run", training=TrainingConfig(augmentation="symmetries"))
    with pytest.raises(InputError, match="validation"):
        train(pairs, tmp_path / "run",
              training=TrainingConfig(fractions=(0.9, 0.0, 0.1), patience=2))  # fmt: skip
    with pytest.raises(InputError, match="at most"):
        train(pairs, tmp_path / "run", training=TrainingConfig(samples=1000))
