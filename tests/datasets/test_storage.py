"""The file is whole or absent, and no damage goes unseen."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from sobolev.datasets import storage
from sobolev.geometry.errors import InputError

ROWS = 7


def contents():
    generator = np.random.default_rng(0)
    return {
        "coordinates/x": np.linspace(0.0, 1.0, 5),
        "inputs/a": generator.random((ROWS, 5)),
        "outputs/u": generator.random((ROWS, 5)).astype(np.float32),
        "status/sample": np.arange(ROWS),
        "status/converged": np.ones(ROWS, dtype=bool),
    }


def write(path, force=False, **attributes):
    with storage.create(path, {"problem": "toy", **attributes}, force=force) as writer:
        for name, values in contents().items():
            writer.create(name, values.shape, values.dtype, units="m")
            writer.append(name, values[:3])
            writer.append(name, values[3:])


def load(path):
    """Everything in the file; reads each dataset and the attributes against their checksums."""
    with storage.opened(path) as file:
        names = storage.check_attributes(file)
        attributes = {key: storage.attribute(file, key) for key in file.attrs}
        return {name: file[name][...] for name in names}, attributes


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "toy.h5"
    write(path)
    return path


def test_what_is_written_comes_back(path):
    arrays, attributes = load(path)
    assert sorted(arrays) == sorted(contents())
    for name, values in contents().items():
        assert arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(arrays[name], values)
    assert attributes["schema"] == "sobolev-dataset"
    assert attributes["schema_version"] == 1
    with storage.opened(path) as file:
        assert storage.attribute(file["inputs/a"], "units") == "m"
        for name, stored in storage.check_attributes(file).items():
            assert storage.checksum(file[name]) == stored
    assert [p.name for p in path.parent.iterdir()] == ["toy.h5"]


def test_long_and_empty_text_survives(tmp_path):
    long = "äx" * 100_000
    write(tmp_path / "long.h5", card=long, note="")
    attributes = load(tmp_path / "long.h5")[1]
    assert attributes["card"] == long
    assert attributes["note"] == ""


def test_rows_come_in_the_order_asked_for(path):
    values = contents()["inputs/a"]
    for indices in ([0, 1, 2], [5, 1, 1, 6, 0], [3], [], [6, 5, 4]):
        with storage.opened(path) as file:
            rows = storage.read_rows(file["inputs/a"], np.array(indices, dtype=int))
        np.testing.assert_array_equal(rows, values[indices])


def test_an_existing_file_is_kept_without_force(path):
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"exists; .*--force"):
        write(path, card="new")
    assert path.read_bytes() == before
    write(path, force=True, card="new")
    assert load(path)[1]["card"] == "new"


@pytest.mark.parametrize("reason", (KeyboardInterrupt, OSError, InputError))
def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, reason):
    before = path.read_bytes()

    def fail():
        with storage.create(path, {}, force=True) as writer:
            writer.create("inputs/a", (3, 4), "f8")
            writer.append("inputs/a", np.zeros((1, 4)))
            raise reason

    with pytest.raises(reason):
        fail()
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["toy.h5"]


def test_unfilled_datasets_are_a_defect(tmp_path):
    with (
        pytest.raises(RuntimeError, match="not filled"),
        storage.create(tmp_path / "short.h5", {}) as writer,
    ):
        writer.create("inputs/a", (3,), "f8")


FULL_DISK = """
import resource, sys
import numpy as np
from sobolev.datasets import storage
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with storage.create(sys.argv[1], {}) as writer:
        writer.create("inputs/a", (100, 1000), "f8")
        for _ in range(100):
            writer.append("inputs/a", np.ones((1, 1000)))
except OSError as problem:
    sys.exit(3)
"""


def test_a_disk_that_refuses_ends_in_an_error_and_not_in_a_crash(tmp_path):
    """In its own process: HDF5 would bring it down at exit, long after the error."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "big.h5")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 3, result.stderr
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output, words",
    (("none/x.h5", "does not exist"), ("", "got the folder")),
)
def test_outputs_that_cannot_be_written(tmp_path, output, words):
    with pytest.raises(InputError, match=words):
        write(tmp_path / output)


def test_missing_and_foreign_files(tmp_path, path):
    with pytest.raises(InputError, match="found no file"):
        load(tmp_path / "none.h5")
    with pytest.raises(InputError, match="found no file"):
        load(tmp_path)
    text = tmp_path / "text.h5"
    text.write_text("no dataset")
    with pytest.raises(InputError, match="not an HDF5 file"):
        load(text)
    text.write_text("")
    with pytest.raises(InputError, match="not an HDF5 file"):
        load(text)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["u"] = np.zeros(3)
    with pytest.raises(InputError, match="no sobolev-dataset file"):
        load(tmp_path / "foreign.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(InputError, match="schema version 99"):
        load(path)


def test_every_truncation_is_seen(path):
    raw = path.read_bytes()
    for size in (1, 50, len(raw) // 4, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:size])
        with pytest.raises(InputError, match=r"truncated|damaged|not an HDF5") as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_every_flipped_bit_is_seen(path):
    """One flipped bit in every 17th byte of the file; none may pass, crash or hang."""
    raw = path.read_bytes()
    for position in range(0, len(raw), 17):
        flipped = bytearray(raw)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"truncated|damaged|not an HDF5"):
            load(path)


def test_edited_attributes_and_datasets_are_seen(path):
    with h5py.File(path, "r+") as file:
        file["inputs/a"].attrs["units"] = "km"
    with pytest.raises(InputError, match="attributes fail"):
        load(path)
    write(path, force=True)
    with h5py.File(path, "r+") as file:
        del file["outputs/u"]
    with pytest.raises(InputError, match="attributes fail"):
        load(path)
    write(path, force=True)
    with h5py.File(path, "r+") as file:
        file["inputs/a"][0, 0] += 1
    with storage.opened(path) as file:
        stored = json.loads(storage.attribute(file, "checksums"))
        assert storage.checksum(file["inputs/a"]) != stored["inputs/a"]
