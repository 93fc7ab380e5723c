"""Bundles on disk: every model predicts what it learned; damage is told in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sobolev.datasets.loader import OperatorData
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.operators.surrogate import Surrogate
from sobolev.operators.training import TrainingConfig, train

MODELS = {
    "fno": ({"width": 12, "modes": 6, "layers": 2}, 40, 0.01),
    "deeponet": ({"width": 64, "depth": 2, "basis": 32, "frequencies": 6}, 80, 0.03),
    "pca": ({"degree": 1}, 1, 1e-5),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, make_pairs):
    """One trained bundle a model, and the pairs that it has not seen."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("bundles")
    data = make_pairs(160, 32)
    for model, (options, epochs, _) in MODELS.items():
        config = TrainingConfig(epochs=epochs, batch_size=8, learning_rate=4e-3)
        train(data, folder / model, model=model, model_config=options, training=config,
              facts={"command": "sobolev train"})  # fmt: skip
    return folder, make_pairs(20, 32, seed=9), make_pairs(20, 64, seed=9)


def relative(prediction, truth):
    return np.linalg.norm(prediction - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_and_keeps_its_accuracy_at_twice_the_resolution(bundles, model):
    folder, coarse, fine = bundles
    surrogate = Surrogate.load(folder / model)
    found = []
    for data in (coarse, fine):
        answer = surrogate.predict({"a": data.inputs[:, 0].numpy()}, data.grid)
        assert answer.shape == (20, *data.grid.shape)
        found.append(relative(answer, data.targets[:, 0].numpy()))
    assert found[0] < MODELS[model][2]
    assert found[1] < 1.1 * found[0] + 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_the_errors_told_are_the_errors_made(bundles, model):
    folder, coarse, _ = bundles
    surrogate = Surrogate.load(folder / model)
    answer = surrogate.predict({"a": coarse.inputs[:, 0].numpy()})
    truth = coarse.targets[:, 0].numpy()
    each = np.linalg.norm(answer - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert each.mean() < 2.5 * surrogate.test_error + 1e-6
    facts = surrogate.facts()
    assert facts["command"] == "sobolev train"
    assert len(facts["log"]["seconds"]) == facts["epochs"]
    assert json.loads(json.dumps(facts)) == facts


def test_batches_do_not_change_the_answer(bundles):
    folder, coarse, _ = bundles
    surrogate = Surrogate.load(folder / "fno")
    a = {"a": coarse.inputs[:, 0].numpy()}
    np.testing.assert_allclose(
        surrogate.predict(a, batch_size=3), surrogate.predict(a), rtol=0, atol=1e-5
    )


def test_another_centring_is_interpolated(bundles):
    folder, coarse, _ = bundles
    surrogate = Surrogate.load(folder / "fno")
    cells = replace(coarse.grid, centering="cell")
    a, u = 3 + np.cos(cells.axes[0]), 3 + np.cos(cells.axes[0]) / 2
    answer = surrogate.predict({"a": a[None]}, cells)
    assert relative(answer[0], u) < 0.02


def test_inputs_that_cannot_be_used(bundles):
    folder, coarse, _ = bundles
    surrogate = Surrogate.load(folder / "fno")
    a = coarse.inputs[:, 0].numpy()
    elsewhere = Grid(((0.0, 1.0),), (32,), periodic=True)
    for inputs, grid, words in (
        ({}, None, "expected inputs"),
        ({"a": a, "b": a}, None, "expected inputs"),
        ({"a": a[:, :16]}, None, "of shape"),
        ({"a": np.where(a > 3, np.nan, a)}, None, "finite"),
        ({"a": a}, elsewhere, "expected a grid on"),
    ):
        with pytest.raises(InputError, match=words):
            surrogate.predict(inputs, grid)


def test_scalars_and_several_outputs(tmp_path):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (8, 8))
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(20, 2, 8, 8, generator=generator)
    data = OperatorData(a, torch.stack([a[:, 0], -a[:, 0]], 1), grid, ("a", "nu"), ("u", "v"))
    train(data, tmp_path / "run", model_config={"width": 4, "modes": 2, "layers": 1},
          training=TrainingConfig(epochs=1))  # fmt: skip
    text = (tmp_path / "run" / "config.json").read_text()
    config = json.loads(text)
    config["inputs"][1]["kind"] = "scalar"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    surrogate = Surrogate.load(tmp_path / "run")
    fields, scalars = a[:, 0].numpy(), np.linspace(0, 1, 20)
    answer = surrogate.predict({"a": fields, "nu": scalars})
    assert answer.shape == (20, 2, 8, 8)
    one = surrogate.predict({"nu": scalars[3:4], "a": fields[3:4]})
    np.testing.assert_allclose(one[0], answer[3], rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="'nu' of shape"):
        surrogate.predict({"a": fields, "nu": fields})


def damage_truncate(folder):
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def damage_flip(folder):
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)


def edit(**changes):
    def damage(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return damage


DAMAGES = {
    "cut weights": (damage_truncate, "was changed"),
    "a flipped bit": (damage_flip, "was changed"),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "damaged"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "not finished"),
    "not JSON": (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "damaged"),
    "newer": (edit(version=2), "newer than 1"),
    "foreign": (edit(schema="other"), "expected the schema"),
    "another size": (edit(model_config={"width": 5}), "does not fit"),
    "unknown model": (edit(model="transformer"), "unknown operator"),
    "no grid": (edit(grid={}), "grid"),
    "wrong types": (edit(result=3), "does not fit"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_bundles(tmp_path, pairs, kind):
    damage, words = DAMAGES[kind]
    train(pairs, tmp_path, model_config={"width": 4, "modes": 2, "layers": 1},
          training=TrainingConfig(epochs=1))  # fmt: skip
    Surrogate.load(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        Surrogate.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_directory_without_a_surrogate(tmp_path):
    with pytest.raises(InputError, match="give the output directory"):
        Surrogate.load(tmp_path / "nothing")
