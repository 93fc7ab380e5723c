"""Polynomial regression on principal components: the baseline that every network must beat.

Inputs and outputs are reduced to their principal components; the output's are a polynomial of the
input's, fitted by ridge regression. Without products it is the PCA version of a linear reduced
model; compare Bhattacharya et al. 2021 (doi:10.5802/smai-jcm.74), who put a network there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .architecture import Architecture
from .config import require


@dataclass(frozen=True)
class PCAConfig:
    """Options of the polynomial baseline.

    components, output_components : principal components kept (at most the number of samples)
    degree : 1 (linear), or 2: products of the first components too, as many of these as
        cross-validation likes best, none included
    """

    components: int = 128
    output_components: int = 128
    degree: int = 2

    def __post_init__(self) -> None:
        for name in ("components", "output_components"):
            value = getattr(self, name)
            require(isinstance(value, int) and value >= 1, f"{name} of at least 1", value)
        require(self.degree in (1, 2), "degree 1 or 2", self.degree)


PRODUCTS = (0, 8, 16, 32)
"""Candidates for how many of the first components are multiplied with each other."""
PENALTIES = np.logspace(-9, 3, 25)
"""Candidates for the ridge penalty, for features of the size of one."""
BUFFERS = (
    "input_mean", "input_basis", "pairs", "coefficients", "intercept", "output_mean",
    "output_basis",
)  # fmt: skip


class PCARegression(nn.Module):
    """(batch, in, *grid) -> (batch, out, *grid) on the training grid only. Fitted by `fit`.

    Prediction is four matrix products in torch; scikit-learn is needed for fitting alone.
    """

    input_mean: Tensor
    input_basis: Tensor
    pairs: Tensor
    coefficients: Tensor
    intercept: Tensor
    output_mean: Tensor
    output_basis: Tensor

    def __init__(self, config: PCAConfig, in_channels: int, out_channels: int, grid: Grid) -> None:
        super().__init__()
        self.config, self.in_shape = config, (in_channels, *grid.shape)
        self.out_shape = (out_channels, *grid.shape)
        for name in BUFFERS:
            self.register_buffer(name, torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != self.in_shape:
            raise InputError(
                f"expected input (batch, {', '.join(map(str, self.in_shape))}), got "
                f"{tuple(x.shape)}; this model knows its training grid only, so interpolate"
            )
        scores = (x.flatten(1) - self.input_mean) @ self.input_basis
        features = scores
        if self.pairs.numel():
            first, second = self.pairs.long()
            features = torch.cat([scores, scores[:, first] * scores[:, second]], dim=1)
        y = features @ self.coefficients + self.intercept
        return (y @ self.output_basis + self.output_mean).unflatten(1, self.out_shape)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take the sizes from the state: they follow from the data, not from the options."""
        for name in BUFFERS:
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def fit(model: PCARegression, inputs: Tensor, targets: Tensor, seed: int) -> None:
    """Fit to inputs and targets (samples, channels, *grid), in float64.

    The penalty and the number of multiplied components minimise the leave-one-out error.
    """
    from sklearn.decomposition import PCA

    config = model.config
    x = inputs.flatten(1).double().numpy()
    y = targets.flatten(1).double().numpy()
    if len(x) < 3:
        raise InputError(f"expected at least 3 training samples, got {len(x)}; give more")
    kept = [
        min(limit, len(x) - 1, values.shape[1])
        for limit, values in ((config.components, x), (config.output_components, y))
    ]
    reduce_x = PCA(kept[0], random_state=seed).fit(x)
    reduce_y = PCA(kept[1], random_state=seed).fit(y)
    # In units of the leading component: the penalty then prefers the strong ones.
    size = math.sqrt(reduce_x.explained_variance_[0]) or 1.0
    scores, answer = reduce_x.transform(x) / size, reduce_y.transform(y)
    candidates = PRODUCTS if config.degree == 2 else (0,)
    tried = [_regress(scores, answer, q) for q in candidates if q <= kept[0]]
    _, pairs, ridge = max(tried, key=lambda found: found[0])
    values = {
        "input_mean": reduce_x.mean_,
        "input_basis": reduce_x.components_.T / size,
        "pairs": pairs,
        "coefficients": ridge.coef_.T,
        "intercept": ridge.intercept_,
        "output_mean": reduce_y.mean_,
        "output_basis": reduce_y.components_,
    }
    for name, value in values.items():
        array = np.ascontiguousarray(value)
        setattr(model, name, torch.as_tensor(array).to(inputs.device, inputs.dtype))


def _regress(scores: np.ndarray, answer: np.ndarray, multiplied: int) -> tuple[float, Any, Any]:
    """Leave-one-out score, pairs of multiplied components (2, products), fitted ridge."""
    from sklearn.linear_model import RidgeCV

    pairs = np.array(np.triu_indices(multiplied))
    features = np.concatenate([scores, scores[:, pairs[0]] * scores[:, pairs[1]]], axis=1)
    ridge = RidgeCV(PENALTIES, scoring=None).fit(features, answer)
    return float(ridge.best_score_), pairs, ridge


ARCHITECTURE = Architecture(
    summary="polynomial regression on principal components: the baseline to beat",
    config=PCAConfig,
    build=PCARegression,
    any_grid=False,
    fit=fit,
)
