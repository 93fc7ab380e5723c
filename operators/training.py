"""Training a network on pairs of functions: one door, and what it checks before it begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..geometry.errors import InputError
from .config import make_config, plain_config, require
from .losses import LossName
from .schedule import Schedule

if TYPE_CHECKING:
    from ..datasets.loader import OperatorData

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. InputError for a value that cannot be used."""

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    """decoupled from the gradient (AdamW)"""
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    """fraction of all steps in which the rate rises linearly"""
    loss: LossName = "L2"
    """relative norm that is minimised"""
    patience: int = 0
    """epochs without a smaller validation error before stopping with the best weights; 0: never"""
    augmentation: Literal["none", "symmetries"] = "none"
    """move samples by random rotations and flips, for problems that commute with them"""
    seed: int = 0
    """of the initial weights, the order of the batches and the augmentation"""
    time_limit: float = 0.0
    """seconds of training after which to stop; 0: none"""
    samples: int = 0
    """use only the first so many training samples; 0: all"""
    subsample: int = 1
    """take every so-manieth point of a stored grid"""
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """of the samples: training, validation, test"""
    split_seed: int = 0
    """of the split into these parts"""
    checkpoint_epochs: int = 1
    """write a checkpoint every so many epochs"""
    checkpoint_steps: int = 0
    """and every so many steps inside an epoch; 0: not"""
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed"] = "32-true"
    accelerator: str = "cpu"
    """"cpu", "cuda", "mps" or "auto", as Lightning Fabric names them"""
    devices: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1), ("batch_size", 1), ("patience", 0), ("seed", 0), ("samples", 0),
            ("subsample", 1), ("checkpoint_epochs", 1), ("checkpoint_steps", 0), ("devices", 1),
            ("split_seed", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            require(isinstance(value, int) and value >= least, f"{name} of at least {least}", value)
        for name in ("learning_rate", "weight_decay", "time_limit"):
            value = getattr(self, name)
            require(math.isfinite(value) and value >= 0, f"{name} finite and not negative", value)
        require(self.learning_rate > 0, "learning_rate above 0", self.learning_rate)
        require(0 <= self.warmup < 1, "warmup in [0, 1)", self.warmup)
        for name, known in (
            ("schedule", ("cosine", "onecycle", "step", "constant")),
            ("loss", ("L2", "H1")),
            ("augmentation", ("none", "symmetries")),
            ("precision", ("32-true", "64-true", "16-mixed", "bf16-mixed")),
        ):
            value = getattr(self, name)
            require(value in known, f"{name} in {known}", value)


@dataclass(frozen=True)
class TrainingResult:
    """What `train` did; `Surrogate.load(directory)` opens the outcome.

    epochs : completed, over all resumed parts; seconds : of training, the same
    validation_error, test_error : mean relative L2 error in physical units, nan without such data
    """

    directory: Path
    model: str
    epochs: int
    seconds: float
    train_loss: float
    validation_error: float
    test_error: float
    parameters: int
    stopped: Literal["epochs", "patience", "time limit", "closed form"]


def train(
    data: str | Path | OperatorData,
    output: str | Path,
    *,
    model: str = "fno",
    model_config: Mapping[str, Any] | object | None = None,
    training: TrainingConfig | None = None,
    validation: OperatorData | None = None,
    test: OperatorData | None = None,
    symmetric: bool | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    facts: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train `model` on `data` and leave a bundle in the directory `output`.

    data : a dataset file, split by `training.fractions`, or pairs in memory; these are split too
        unless `validation` or `test` data are given
    model, model_config : name in the registry, and its options as a mapping or config object
    symmetric : whether the problem commutes with rotations and flips of its domain; None asks the
        file's problem (pairs in memory: no)
    resume : go on from the checkpoint in `output`; the final weights are bit for bit those of a
        run that was never stopped. Time limit, checkpoint intervals and `facts` may differ from
        the first call, nothing else.
    force : replace a bundle in `output`
    progress : called as (epochs done, all epochs, message)
    facts : JSON-ready remarks kept in the bundle (`command`, `data_command`, ...)

    Raises InputError, one line: bad options or data, an output that exists, a checkpoint of
    another run, a loss that is not finite.
    """
    from . import bundle, loop
    from .registry import operators
    from .sources import open_source

    config = training or TrainingConfig()
    architecture = operators.get(model)
    options = make_config(architecture.config, model_config)
    directory = Path(output)
    bundle.check_output(directory, resume, force)
    source = open_source(data, config, validation, test, symmetric)
    _check_fit(config, source)
    run = bundle.Run(model, plain_config(options), plain_config(config), source.facts)
    operator = loop.make_operator(architecture, options, source, config)
    bundle.prepare(directory, resume)
    if architecture.fit is not None:
        outcome = loop.fit_closed_form(architecture, operator, source, config)
    else:
        descent = loop.Descent(operator, source, config, run, directory, progress or _silent)
        outcome = descent.run(resume)
    return bundle.write(directory, run, outcome, source, facts or {})


def _silent(done: int, total: int, message: str) -> None:
    pass


def _check_fit(config: TrainingConfig, source: Any) -> None:
    """Options that need something of the data."""
    from .symmetries import check_symmetric

    if config.patience and source.validation is None:
        raise InputError(
            "expected validation data for early stopping, got none; give them a fraction, or "
            "patience 0"
        )
    if config.augmentation == "symmetries":
        if not source.symmetric:
            raise InputError(
                "augmentation 'symmetries' needs a problem that commutes with rotations and "
                "flips, and this one does not say so; use augmentation 'none'"
            )
        check_symmetric(source.train.grid)
