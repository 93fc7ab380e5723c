"""The training loop, on Lightning Fabric.

Nothing random has a history: the order of the batches follows from (seed, epoch) and their
augmentation from (seed, epoch, batch). A checkpoint holds the rest, so that a run that was killed
at any time goes on to the same bits.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.loader import OperatorData
from ..geometry.errors import InputError
from ..geometry.norms import error
from . import bundle
from .architecture import Architecture
from .checkpoint import load_state, save_state
from .losses import relative_loss
from .physical import PhysicalOperator
from .schedule import rate_factor
from .symmetries import random_symmetries

if TYPE_CHECKING:
    from .sources import Source
    from .training import Progress, TrainingConfig

SCHEMA = "sobolev-training-checkpoint-1"


@dataclass(frozen=True)
class Outcome:
    """What comes out of a training run, before it is written."""

    state: dict[str, Tensor]
    parameters: int
    epochs: int
    seconds: float
    train_loss: float
    validation_error: float
    test_error: float
    stopped: Any
    log: list[dict[str, Any]]
    writes: bool = True  # of several processes, one does


@dataclass
class Position:
    """Where a run is: all numbers that a checkpoint carries beside the tensors."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0  # over the samples of this epoch
    seconds: float = 0.0
    best_error: float = math.inf
    best_epoch: int = -1
    stopped: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)


def make_operator(
    architecture: Architecture, options: Any, source: Source, config: TrainingConfig
) -> PhysicalOperator:
    """The untrained network with its normalisers fitted to the training part."""
    data = source.train
    channels = data.inputs.shape[1], data.targets.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        operator = PhysicalOperator(architecture.build(options, *channels, data.grid), *channels)
    if config.precision == "64-true":
        operator = operator.double()
    operator.inputs.fit(data.inputs)
    operator.outputs.fit(data.targets)
    return operator


def fit_closed_form(
    architecture: Architecture, operator: PhysicalOperator, source: Source, config: TrainingConfig
) -> Outcome:
    """For models that have no gradient descent: one fit, one line of log."""
    assert architecture.fit is not None
    start, data = time.perf_counter(), source.train
    architecture.fit(
        operator.network, operator.inputs(data.inputs), operator.outputs(data.targets), config.seed
    )
    seconds = time.perf_counter() - start
    loss = relative_error(operator, data, config.batch_size)
    validation = relative_error(operator, source.validation, config.batch_size)
    row = _log_row(1, loss, validation, 0.0, seconds)
    return Outcome(
        operator.state_dict(), sum(b.numel() for b in operator.network.buffers()), 1, seconds,
        loss, validation, relative_error(operator, source.test, config.batch_size),
        "closed form", [row],
    )  # fmt: skip


def relative_error(operator: nn.Module, data: OperatorData | None, batch_size: int) -> float:
    """Mean relative L2 error in physical units over samples and channels; nan without data."""
    if data is None or not len(data):
        return math.nan
    device = next(operator.buffers()).device
    training, found = operator.training, []
    operator.eval()
    with torch.no_grad():
        for rows in torch.arange(len(data)).split(batch_size):
            prediction = operator(data.inputs[rows].to(device)).cpu()
            found.append(error(prediction.double(), data.targets[rows].double(), data.grid))
    operator.train(training)
    return float(torch.cat(found).mean())


class Descent:
    """Gradient descent with checkpoints; `run` is the loop."""

    def __init__(
        self, operator: PhysicalOperator, source: Source, config: TrainingConfig,
        run: bundle.Run, directory: Path, progress: Progress,
    ) -> None:  # fmt: skip
        from lightning_fabric import Fabric

        # Fabric rounds the outputs of "64-true" to float32; in double the module needs no help.
        precision = "32-true" if config.precision == "64-true" else config.precision
        self.fabric = Fabric(
            accelerator=config.accelerator, devices=config.devices, precision=precision
        )
        if config.devices > 1:
            self.fabric.launch()
        fused = self.fabric.device.type in ("cpu", "cuda")
        optimizer = torch.optim.AdamW(
            operator.parameters(), config.learning_rate, weight_decay=config.weight_decay,
            fused=fused,
        )  # fmt: skip
        self.operator = operator
        self.wrapped, self.optimizer = self.fabric.setup(operator, optimizer)
        self.source, self.config, self.identity = source, config, run
        self.path, self.log_path = directory / bundle.CHECKPOINT, directory / bundle.LOG
        self.progress = progress
        self.at = Position()
        self.best: dict[str, Tensor] = {}
        self.steps_an_epoch = math.ceil(len(source.train) / config.batch_size)

    # --- the loop -------------------------------------------------------------------------

    def run(self, resume: bool) -> Outcome:
        """All epochs that are left, then the errors of the weights that are kept."""
        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.config.seed)
            if resume:
                self.load()
            else:
                self.save()
            self.clock = time.perf_counter() - self.at.seconds
            while self.at.epoch < self.config.epochs and not self.at.stopped:
                if not self.epoch():
                    break
        return self.finish()

    def epoch(self) -> bool:
        """The rest of one epoch; False where the time was up before its end."""
        at, config = self.at, self.config
        self.wrapped.train()
        for rows in self.batches(at.epoch)[at.batch :]:
            at.loss_sum += self.step(rows) * len(rows)
            at.batch, at.step = at.batch + 1, at.step + 1
            at.seconds = time.perf_counter() - self.clock
            if config.time_limit and self.fabric.broadcast(at.seconds > config.time_limit):
                self.save()
                return False
            if config.checkpoint_steps and at.step % config.checkpoint_steps == 0:
                self.save()
        self.close_epoch()
        return True

    def step(self, rows: Tensor) -> float:
        """One optimiser step on the given samples; returns the loss."""
        data, at, config = self.source.train, self.at, self.config
        inputs, targets = data.inputs[rows], data.targets[rows]
        if config.augmentation == "symmetries":
            generator = _generator(config.seed, at.epoch, at.batch)
            inputs, targets = random_symmetries(inputs, targets, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(at.step)
        inputs, targets = self.fabric.to_device((inputs, targets))
        self.optimizer.zero_grad()
        loss = relative_loss(self.wrapped(inputs), targets, data.grid, config.loss)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"the loss became {value} in epoch {at.epoch + 1}, batch {at.batch + 1}; lower "
                f"learning_rate (now {config.learning_rate:g}) or add warmup, then start again"
            )
        self.fabric.backward(loss)
        self.optimizer.step()
        return value

    def batches(self, epoch: int) -> list[Tensor]:
        """Rows of each batch of an epoch; of several devices, this one's share."""
        count, world = len(self.source.train), self.fabric.world_size
        order = torch.randperm(count, generator=_generator(self.config.seed, epoch))
        order = order[: count // world * world]  # every device has a sample in every batch
        return [b[self.fabric.global_rank :: world] for b in order.split(self.config.batch_size)]

    def rate(self, step: int) -> float:
        config = self.config
        total = config.epochs * self.steps_an_epoch
        return config.learning_rate * rate_factor(config.schedule, step, total, config.warmup)

    def close_epoch(self) -> None:
        """Validate, log, decide on stopping, write the checkpoint."""
        at, config = self.at, self.config
        loss = at.loss_sum / len(self.source.train) * self.fabric.world_size
        validation = relative_error(self.operator, self.source.validation, config.batch_size)
        at.seconds = time.perf_counter() - self.clock
        at.epoch, at.batch, at.loss_sum = at.epoch + 1, 0, 0.0
        at.log.append(_log_row(at.epoch, loss, validation, self.rate(at.step - 1), at.seconds))
        if config.patience:
            if validation < at.best_error:
                at.best_error, at.best_epoch = validation, at.epoch
                self.best = copy.deepcopy(self.operator.state_dict())
            elif at.epoch - at.best_epoch >= config.patience:
                at.stopped = "patience"
        last = at.epoch == config.epochs or bool(at.stopped)
        if last or at.epoch % config.checkpoint_epochs == 0:
            self.save()
        shown = f", validation {validation:.3%}" if math.isfinite(validation) else ""
        self.progress(at.epoch, config.epochs, f"loss {loss:.3e}{shown}")

    def finish(self) -> Outcome:
        at, size = self.at, self.config.batch_size
        if self.best:
            self.operator.load_state_dict(self.best)
        stopped = at.stopped or ("epochs" if at.epoch >= self.config.epochs else "time limit")
        return Outcome(
            self.operator.state_dict(),
            sum(p.numel() for p in self.operator.parameters()),
            at.epoch,
            at.seconds,
            at.log[-1]["train_loss"] if at.log else math.nan,
            relative_error(self.operator, self.source.validation, size),
            relative_error(self.operator, self.source.test, size),
            stopped,
            at.log,
            self.fabric.is_global_zero,
        )

    # --- checkpoints ----------------------------------------------------------------------

    def save(self) -> None:
        """Everything that the next step depends on, in one file, by one process."""
        if not self.fabric.is_global_zero:
            return
        optimizer = self.optimizer.state_dict()["state"]
        state = {
            "run": self.identity.identity(),
            "position": asdict(self.at),
            "operator": self.operator.state_dict(),
            "best": self.best,
            "optimizer": {str(index): slots for index, slots in optimizer.items()},
            "scaler": self.fabric.strategy.precision.state_dict(),
            "random": {"cpu": torch.get_rng_state()}
            | {f"cuda{i}": s for i, s in enumerate(_cuda_states())},
        }
        save_state(self.path, SCHEMA, state)
        bundle.write_log(self.log_path, self.at.log)

    def load(self) -> None:
        """Go back to the last checkpoint. Raises InputError for the checkpoint of another run."""
        state = load_state(self.path, SCHEMA)
        self.identity.check_same(state["run"], self.path)
        self.at = Position(**state["position"])
        self.operator.load_state_dict(state["operator"])
        self.best = state["best"]
        slots = {int(index): slot for index, slot in state["optimizer"].items()}
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"]["cpu"])
        for i in range(len(_cuda_states())):
            torch.cuda.set_rng_state(state["random"][f"cuda{i}"], i)


def _cuda_states() -> list[Tensor]:
    return torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _generator(*key: int) -> torch.Generator:
    """A generator whose stream follows from the key alone."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)


def _log_row(
    epoch: int, loss: float, validation: float, rate: float, seconds: float
) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "train_loss": loss,
        "validation_error": validation,
        "learning_rate": rate,
        "seconds": round(seconds, 3),
    }
