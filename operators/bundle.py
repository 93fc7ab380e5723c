"""A trained surrogate as a directory: weights, what they are, the log, and a checkpoint.

weights.safetensors     network and normalisers
config.json             schema, model, options, data, grid, errors, seconds, checksum of the
                        weights; written last, so that a directory that has it is whole
log.csv                 one line an epoch
checkpoint.safetensors  everything that a resume needs
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..datasets.files import write_whole
from ..geometry.errors import InputError

if TYPE_CHECKING:
    from .loop import Outcome
    from .sources import Source
    from .training import TrainingResult

SCHEMA, VERSION = "sobolev-surrogate", 1
WEIGHTS, CONFIG, LOG, CHECKPOINT = (
    "weights.safetensors", "config.json", "log.csv", "checkpoint.safetensors",
)  # fmt: skip
FILES = (CONFIG, CHECKPOINT, LOG, WEIGHTS)
MAY_DIFFER = ("time_limit", "checkpoint_epochs", "checkpoint_steps")


@dataclass(frozen=True)
class Run:
    """What makes a training run the one that it is, JSON-ready."""

    model: str
    model_config: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]

    def identity(self) -> dict[str, Any]:
        """Flat; a checkpoint of another identity cannot be resumed."""
        fixed = {k: v for k, v in self.training.items() if k not in MAY_DIFFER}
        options = {f"model option {k}": v for k, v in self.model_config.items()}
        data = {"data checksum": self.data.get("checksum")}
        return {"model": self.model} | options | fixed | data

    def check_same(self, stored: Mapping[str, Any], path: Path) -> None:
        """Raise InputError, naming the first difference, for the checkpoint of another run."""
        ours = self.identity()
        for key in sorted(ours.keys() | stored.keys()):
            if ours.get(key) != stored.get(key):
                raise InputError(
                    f"{path} is of another run: {key} was {stored.get(key)!r}, got "
                    f"{ours.get(key)!r}; resume with the same options or choose another output"
                )


def check_output(directory: Path, resume: bool, force: bool) -> None:
    """Raise InputError unless a bundle may be written (or resumed) in `directory`."""
    if resume and force:
        raise InputError("expected resume or force, got both; one goes on, the other starts anew")
    if directory.exists() and not directory.is_dir():
        raise InputError(f"expected a directory for the output, got the file {directory}")
    if resume:
        if not (directory / CHECKPOINT).is_file():
            raise InputError(f"expected a checkpoint in {directory}, found none; leave out resume")
        return
    held = {entry.name for entry in directory.iterdir()} if directory.exists() else set()
    if held and not force:
        raise InputError(f"{directory} is not empty; resume, choose another output, or force")
    if held and not held & {CONFIG, CHECKPOINT}:
        raise InputError(f"{directory} holds other files and no surrogate; choose another output")


def prepare(directory: Path, resume: bool) -> None:
    """Make the directory; remove a former bundle's own files, and nothing else."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not resume:
            (directory / name).unlink(missing_ok=True)


def write_log(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line an epoch; the whole file anew, so that a resume leaves no line twice."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def write(
    directory: Path, run: Run, outcome: Outcome, source: Source, facts: Mapping[str, Any]
) -> TrainingResult:
    """Write weights, log and configuration, the latter last; of several processes, one does."""
    from .training import TrainingResult

    weights = save({k: v.detach().cpu().contiguous() for k, v in outcome.state.items()})
    result = TrainingResult(
        directory, run.model, outcome.epochs, outcome.seconds, outcome.train_loss,
        outcome.validation_error, outcome.test_error, outcome.parameters, outcome.stopped,
    )  # fmt: skip
    measured = {k: v for k, v in result.__dict__.items() if k not in ("directory", "model")}
    config = {
        "schema": SCHEMA,
        "version": VERSION,
        "model": run.model,
        "model_config": run.model_config,
        "training": run.training,
        "data": run.data,
        "grid": source.train.grid.to_dict(),
        "inputs": [{"name": n, "kind": source.kinds[n]} for n in source.train.input_names],
        "outputs": list(source.train.target_names),
        "dtype": str(next(iter(outcome.state.values())).dtype).removeprefix("torch."),
        "result": measured,
        "facts": dict(facts),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    if not outcome.writes:
        return result
    write_whole(directory / WEIGHTS, weights)
    write_log(directory / LOG, outcome.log)
    write_whole(directory / CONFIG, json.dumps(config, indent=2).encode())
    return result


def read(directory: Path) -> tuple[dict[str, Any], dict[str, Tensor], list[dict[str, float]]]:
    """Configuration, weights and log of a bundle.

    Raises InputError, one line, for a missing, unfinished, damaged, foreign or newer one.
    """
    if not (directory / CONFIG).is_file():
        advice = "its training was not finished, resume it"
        if not (directory / CHECKPOINT).is_file():
            advice = "give the output directory of a training"
        raise InputError(f"expected a trained surrogate in {directory}, found none; {advice}")
    try:
        config = json.loads((directory / CONFIG).read_bytes())
        schema, version = config["schema"], config["version"]
        if schema != SCHEMA:
            raise InputError(f"expected the schema {SCHEMA} in {directory}, got {schema!r}")
        if version > VERSION:
            raise InputError(
                f"{directory} is of version {version}, newer than {VERSION}, which is the last "
                "that this installation reads; update sobolev"
            )
        content = (directory / WEIGHTS).read_bytes()
        if hashlib.sha256(content).hexdigest() != config["weights_sha256"]:
            raise InputError(f"{directory / WEIGHTS} was changed after training; copy or train it")
        with (directory / LOG).open(newline="") as file:
            log = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        return config, load(content), log
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as problem:
        raise InputError(
            f"cannot read the surrogate in {directory}, it is damaged "
            f"({type(problem).__name__}: {problem}); copy it again or train again"
        ) from None
