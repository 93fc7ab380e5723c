"""Verification fails where it should: damage, NaN, wrong solutions, swapped samples."""

import json

import h5py
import numpy as np
import pytest

from sobolev.datasets import storage, verification
from sobolev.datasets.generation import generate
from sobolev.datasets.verification import verify
from sobolev.geometry.errors import InputError

SAMPLES = 12


@pytest.fixture
def path(registered, tmp_path):
    path = tmp_path / "a.h5"
    generate(registered(), SAMPLES, 24, 3, path)
    return path


def tamper(path, name, change):
    """Change a dataset in place and make every checksum fit again, as a forger would."""
    with storage.opened(path) as file:
        attributes = {key: storage.attribute(file, key) for key in file.attrs}
        arrays = {n: file[n][...] for n in storage.dataset_names(file)}
        labels = {n: {k: storage.attribute(file[n], k) for k in file[n].attrs} for n in arrays}
    del attributes["checksums"]
    arrays[name] = change(arrays[name])
    with storage.create(path, attributes, force=True) as writer:
        for n, values in arrays.items():
            writer.create(n, values.shape, values.dtype, **labels[n])
            writer.append(n, values)


def failed(report):
    return [check.name for check in report.checks if not check.passed]


def test_good_data_passes(path, registered):
    seen = []
    report = verify(path, progress=lambda *step: seen.append(step))
    assert report.passed, str(report)
    assert [check.name for check in report.checks] == [
        "checksums",
        "finiteness",
        "every stored sample converged",
        "sample numbers unique, in order, complete",
        "inputs drawn again",
        "residual",
    ]
    assert "12 of 12 samples bit-equal, same software" in str(report)
    assert seen[-1] == (5, 5, "done")
    assert verify(path, problem=registered(), subset=5).passed
    assert "5 of 12 samples" in str(verify(path, subset=5))


def test_data_with_samples_left_out_passes(registered, tmp_path):
    report = generate(registered(failing=0.8), SAMPLES, 24, 3, tmp_path / "b.h5")
    assert report.failed
    assert verify(tmp_path / "b.h5").passed


def test_single_precision_passes_its_own_limit(registered, tmp_path):
    """The inputs are bit-equal after rounding; the truth check of this problem is for double."""
    generate(registered(), SAMPLES, 24, 3, tmp_path / "b.h5", dtype="float32")
    assert failed(verify(tmp_path / "b.h5")) == ["residual"]


def test_a_flipped_byte_fails(path):
    with storage.opened(path) as file:
        value = file["outputs/u"][5].tobytes()
    raw = bytearray(path.read_bytes())
    raw[raw.find(value) + 11] ^= 1
    path.write_bytes(raw)
    report = verify(path)
    assert failed(report) == ["checksums"]
    assert "damaged: outputs/u" in str(report)


def test_an_edited_value_with_new_chunk_checksums_fails(path):
    with h5py.File(path, "r+") as file:
        file["inputs/k"][3] *= 1 + 1e-12
    assert failed(verify(path)) == ["checksums"]


def test_nan_fails(path):
    def change(u):
        u[4, 7] = np.nan
        return u

    tamper(path, "outputs/u", change)
    report = verify(path)
    assert failed(report) == ["finiteness", "residual"]
    assert "1 values of u" in str(report)


def test_a_perturbed_solution_fails(path):
    generator = np.random.default_rng(0)

    def change(u):
        u[8] *= 1 + 1e-3 * generator.standard_normal(u.shape[1])
        return u

    tamper(path, "outputs/u", change)
    assert failed(verify(path)) == ["residual"]


@pytest.mark.parametrize("name, check", (("outputs/u", "residual"), ("inputs/f", "inputs drawn")))
def test_swapped_samples_fail(path, name, check):
    def swap(rows):
        rows[[2, 9]] = rows[[9, 2]]
        return rows

    tamper(path, name, swap)
    names = failed(verify(path))
    assert any(found.startswith(check) for found in names)


def test_swapped_numbers_and_hidden_failures_fail(path):
    def swap(numbers):
        numbers[[2, 9]] = numbers[[9, 2]]
        return numbers

    tamper(path, "status/sample", swap)
    names = failed(verify(path))
    assert names == ["sample numbers unique, in order, complete", "inputs drawn again"]
    tamper(path, "status/sample", swap)
    assert verify(path).passed
    tamper(path, "status/converged", lambda good: np.zeros_like(good))
    assert failed(verify(path)) == ["every stored sample converged"]


def test_other_software_is_named_and_allowed_to_round(path, monkeypatch):
    monkeypatch.setattr(verification, "software", lambda: {"numpy": "another"})
    assert "other software" in str(verify(path))
    tamper(path, "inputs/k", lambda k: k * (1 + 1e-14))
    assert "0 of 12 samples bit-equal, largest relative difference" in str(verify(path))
    assert "inputs drawn again" not in failed(verify(path))
    tamper(path, "inputs/k", lambda k: k * (1 + 1e-6))
    assert "inputs drawn again" in failed(verify(path))


def test_illegal_requests(path, registered, monkeypatch):
    with pytest.raises(InputError, match="at least one sample"):
        verify(path, subset=0)
    with pytest.raises(InputError, match="expected the problem 'screened'"):
        verify(path, problem=registered(failing=0.3))
    with pytest.raises(InputError, match="found no file"):
        verify(path.with_name("none.h5"))
    monkeypatch.undo()
    with pytest.raises(InputError, match="unknown problem 'screened'"):
        verify(path)


def test_a_truncated_file_is_one_line(path):
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"truncated|damaged") as caught:
        verify(path)
    assert "\n" not in str(caught.value)


def test_edited_metadata_is_seen(path):
    with h5py.File(path, "r+") as file:
        plan = json.loads(file.attrs["plan"])
        plan["seed"] = 4
        file.attrs["plan"] = np.bytes_(json.dumps(plan))
    with pytest.raises(InputError, match="attributes fail their checksum"):
        verify(path)
