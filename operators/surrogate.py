"""A trained operator, opened: physical inputs in, physical outputs out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.interpolation import interpolate
from . import bundle
from .config import make_config
from .physical import PhysicalOperator
from .registry import operators


class Surrogate:
    """A trained operator with what is known of it.

    grid : of the training data; any_grid : whether other resolutions need no interpolation
    inputs : names and kinds ("field", "scalar"); outputs : names
    problem, problem_config, data_seed, data_seconds : of the data, None (0 seconds) without a file
    training_seconds, parameters, validation_error, test_error : of the training
    log : one mapping an epoch

    `Surrogate.load("runs/darcy-fno").predict({"a": a})` predicts with what `sobolev train` wrote.
    """

    def __init__(
        self, config: Mapping[str, Any], weights: dict[str, Tensor], log: list[dict[str, float]],
        device: str = "cpu",
    ) -> None:  # fmt: skip
        architecture = operators.get(config["model"])
        self.config, self.log = config, log
        self.grid = Grid.from_dict(config["grid"])
        self.any_grid = architecture.any_grid
        self.inputs = {item["name"]: item["kind"] for item in config["inputs"]}
        self.outputs = tuple(config["outputs"])
        data, result = config["data"], config["result"]
        self.problem, self.problem_config = data.get("problem"), data.get("problem_config")
        self.data_seed, self.data_seconds = data.get("seed"), data.get("seconds", 0.0)
        self.training_seconds, self.parameters = result["seconds"], result["parameters"]
        self.validation_error, self.test_error = result["validation_error"], result["test_error"]
        channels = len(self.inputs), len(self.outputs)
        options = make_config(architecture.config, config["model_config"])
        self.dtype = getattr(torch, config["dtype"])
        self.device = torch.device(device)
        network = architecture.build(options, *channels, self.grid)
        self.operator = PhysicalOperator(network, *channels)
        self.operator.load_state_dict(weights)
        self.operator.to(self.device, self.dtype).eval()

    @classmethod
    def load(cls, directory: str | os.PathLike[str], device: str = "cpu") -> Surrogate:
        """Open what `train` left. Raises InputError where it is missing, damaged or newer."""
        config, weights, log = bundle.read(Path(directory))
        try:
            return cls(config, weights, log, device)
        except InputError:
            raise
        except (KeyError, TypeError, AttributeError, RuntimeError) as problem:
            # torch reports weights of other names or shapes over many lines; the first says it.
            what = str(problem).splitlines()[0]
            raise InputError(
                f"the surrogate in {directory} does not fit its own description ({what}); "
                "copy it again or train again"
            ) from None

    def predict(
        self, inputs: Mapping[str, np.ndarray], grid: Grid | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Outputs (batch, *grid.shape), or (batch, outputs, *grid.shape) where there are several.

        inputs : by name, in physical units: fields (batch, *grid.shape), scalars (batch,)
        grid : of the inputs and outputs; the training grid unless told. Networks that know one
            grid only are given inputs that are interpolated to it, and their outputs back.

        Raises InputError for missing, unknown, misshapen or non-finite inputs and another box.
        """
        grid = grid or self.grid
        x = self._stack(inputs, grid)
        own = self.grid if not self._takes(grid) else grid
        if own != grid:
            x = interpolate(x, grid, own)
        parts = []
        with torch.inference_mode():
            for part in torch.as_tensor(x).to(self.dtype).split(batch_size):
                parts.append(self.operator(part.to(self.device)).cpu())
        y = torch.cat(parts).numpy()
        if own != grid:
            y = interpolate(y, own, grid)
        return y[:, 0] if len(self.outputs) == 1 else y

    def facts(self) -> dict[str, Any]:
        """What a table or report says of it, JSON-ready."""
        columns = ("seconds", "train_loss", "validation_error")
        result = dict(self.config["result"])
        return dict(self.config["facts"]) | {
            "model": self.config["model"],
            "model_config": self.config["model_config"],
            "training": self.config["training"],
            "data": self.config["data"],
            "grid": list(self.grid.shape),
            "log": {name: [row[name] for row in self.log] for name in columns},
        } | result  # fmt: skip

    def _takes(self, grid: Grid) -> bool:
        """Whether the network works on this grid itself. InputError for another box."""
        if grid.extent != self.grid.extent:
            raise InputError(f"expected a grid on {self.grid.extent}, got one on {grid.extent}")
        same_kind = grid.wraps == self.grid.wraps and grid.centering == self.grid.centering
        return same_kind and (self.any_grid or grid.shape == self.grid.shape)

    def _stack(self, inputs: Mapping[str, np.ndarray], grid: Grid) -> np.ndarray:
        """Channels (batch, inputs, *grid.shape) in the order of the training."""
        if set(inputs) != set(self.inputs):
            raise InputError(f"expected inputs {list(self.inputs)}, got {list(inputs)}")
        arrays = {name: np.asarray(inputs[name]) for name in self.inputs}
        count = len(next(iter(arrays.values())))
        channels = []
        for name, kind in self.inputs.items():
            shape = (count, *grid.shape) if kind == "field" else (count,)
            if arrays[name].shape != shape:
                raise InputError(
                    f"expected input '{name}' of shape {shape}, got {arrays[name].shape}"
                )
            if not np.isfinite(arrays[name]).all():
                raise InputError(f"expected finite values of input '{name}', got nan or inf")
            values = arrays[name].reshape(count, *(grid.shape if kind == "field" else
                                                   (1,) * grid.ndim))  # fmt: skip
            channels.append(np.broadcast_to(values, (count, *grid.shape)))
        return np.stack(channels, axis=1)
