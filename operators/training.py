"""Training a network on pairs of functions: one loop, checkpoints, a bitwise resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..datasets.loader import OperatorData

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. Every field is validated when the object is made (InputError)."""

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Literal["cosine", "onecycle", "step", "constant"] = "cosine"
    warmup: float = 0.0  # fraction of all steps with a linearly rising rate
    loss: Literal["L2", "H1"] = "L2"  # relative norms
    patience: int = 0  # epochs without a better validation error before stopping; 0: never
    augmentation: Literal["none", "symmetries"] = "none"
    seed: int = 0
    time_limit: float = 0.0  # seconds; 0: none
    samples: int = 0  # use only the first so many training samples; 0: all
    subsample: int = 1  # take every so-manieth node of the stored grid (paths only)
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)  # training, validation, test
    checkpoint_epochs: int = 1  # write a checkpoint every so many epochs
    checkpoint_steps: int = 0  # and every so many steps inside an epoch; 0: only at its end
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed"] = "32-true"
    accelerator: str = "cpu"
    devices: int = 1


@dataclass(frozen=True)
class TrainingResult:
    """What `train` did; the bundle in `directory` is what `Surrogate.load` opens."""

    directory: Path
    epochs: int
    seconds: float  # of training, over all resumed parts
    train_loss: float
    validation_error: float  # mean relative L2 in physical units
    test_error: float  # the same on the test split; nan where there is none
    parameters: int
    stopped: Literal["epochs", "patience", "time limit"]


def train(
    data: str | Path | OperatorData,
    output: str | Path,
    *,
    model: str = "fno",
    model_config: Mapping[str, Any] | object | None = None,
    training: TrainingConfig | None = None,
    validation: OperatorData | None = None,
    test: OperatorData | None = None,
    equivariant: bool = False,
    data_seconds: float | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train `model` on `data` and leave a bundle in the directory `output`."""
    raise NotImplementedError
