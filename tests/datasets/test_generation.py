"""Generation: the same bits however it is run, nothing done twice, nothing bad stored."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np
import pytest

from sobolev.datasets import cluster, generation, shards, storage
from sobolev.datasets.generation import generate
from sobolev.datasets.reader import Dataset
from sobolev.datasets.registry import make_problem
from sobolev.geometry.errors import InputError

SAMPLES, RESOLUTION, SEED = 13, 24, 7


def make(problem, path, **options):
    return generate(problem, SAMPLES, RESOLUTION, SEED, path, **{"chunk": 3, **options})


def arrays(path):
    with storage.opened(path) as file:
        return {name: file[name][...] for name in storage.check_attributes(file)}


def assert_same_bits(one, two):
    one, two = arrays(one), arrays(two)
    assert sorted(one) == sorted(two)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


@pytest.fixture
def counted(monkeypatch):
    """Sample numbers of every chunk that is solved in this process."""
    solved = []

    def solve(problem, plan, samples):
        solved.append(list(samples))
        return original(problem, plan, samples)

    original = generation.solve_chunk
    monkeypatch.setattr(generation, "solve_chunk", solve)
    return solved


def stop_after(chunks, reason=KeyboardInterrupt):
    """A progress callback that stops the run once so many chunks are finished."""
    calls = []

    def progress(done, total, message):
        calls.append(done)
        if len(calls) > chunks:
            raise reason

    return progress


def test_the_file_holds_what_the_problem_says(screened, tmp_path):
    problem, path = screened(), tmp_path / "a.h5"
    report = make(problem, path)
    assert (report.stored, report.failed, report.kept) == (SAMPLES, (), 0)
    assert report.solver_seconds == pytest.approx(SAMPLES * 1e-3)
    assert f"{SAMPLES} samples" in str(report)
    found, grid = arrays(path), problem.grid(RESOLUTION)
    np.testing.assert_array_equal(found["coordinates/x"], grid.axes[0])
    np.testing.assert_array_equal(found["status/sample"], np.arange(SAMPLES))
    assert found["status/converged"].all()
    for i in range(SAMPLES):
        draw = problem.draw_sample(SEED, i)
        np.testing.assert_array_equal(found["inputs/f"][i], problem.evaluate(draw, grid)["f"])
        assert found["inputs/k"][i] == draw["k"]
    checks = problem.truth_checks(
        {"f": found["inputs/f"], "k": found["inputs/k"]}, {"u": found["outputs/u"]},
        grid, None, None,
    )  # fmt: skip
    assert all(check.passed for check in checks)
    dataset = Dataset(path)
    assert dataset.problem_name == "screened"
    assert dataset.plan["seed"] == SEED
    assert dataset.software["numpy"] == np.__version__
    assert dataset.units == {"f": "N", "k": "1", "u": "m"}
    assert "k u" in dataset.card
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_two_workers_make_the_same_bits_and_leave_nobody_behind(screened, tmp_path):
    make(screened(failing=0.6), tmp_path / "one.h5")
    make(screened(failing=0.6), tmp_path / "two.h5", workers=2)
    assert_same_bits(tmp_path / "one.h5", tmp_path / "two.h5")
    with pytest.raises(ZeroDivisionError, match="a defect"):
        make(screened(raising=True), tmp_path / "three.h5", workers=2)
    assert multiprocessing.active_children() == []


def test_a_scheduler_is_an_address(screened, tmp_path, monkeypatch):
    from distributed import LocalCluster

    make(screened(), tmp_path / "here.h5")
    options = {"processes": False, "dashboard_address": None, "silence_logs": 60}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as local:
        make(screened(), tmp_path / "there.h5", scheduler=local.scheduler_address)
    assert_same_bits(tmp_path / "here.h5", tmp_path / "there.h5")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense://"):
        with pytest.raises(InputError, match="does not answer"):
            make(screened(), tmp_path / "never.h5", scheduler=address)


@pytest.mark.parametrize("options", ({"chunk": 1}, {"chunk": 50}, {"chunk": 4, "order": "sorted"}))
def test_cutting_and_order_leave_the_inputs_alone(screened, tmp_path, options, counted):
    make(screened(), tmp_path / "plain.h5")
    counted.clear()
    make(screened(), tmp_path / "other.h5", **options)
    plain, other = arrays(tmp_path / "plain.h5"), arrays(tmp_path / "other.h5")
    for name in ("inputs/f", "inputs/k", "status/sample"):
        np.testing.assert_array_equal(plain[name], other[name])
    np.testing.assert_allclose(plain["outputs/u"], other["outputs/u"], rtol=0, atol=1e-14)
    solved = [number for chunk in counted for number in chunk]
    assert sorted(solved) == list(range(SAMPLES))
    assert (solved != list(range(SAMPLES))) == ("order" in options)


def test_sorting_brings_neighbours_together(screened):
    problem = screened()
    fidelity = problem.data_fidelity(RESOLUTION, 1e-8)
    plan = generation.Plan(SEED, 60, RESOLUTION, fidelity, 4, "sorted", "float64")
    order = np.concatenate(generation._cut(problem, plan))
    draws = [problem.draw_sample(SEED, i) for i in range(60)]
    f = problem.evaluate_batch(draws, problem.grid(RESOLUTION))["f"]
    walk = [np.linalg.norm(np.diff(f[path], axis=0), axis=1).sum() for path in (order, range(60))]
    assert walk[0] < 0.8 * walk[1]


def test_an_interrupted_run_goes_on_where_it_was(screened, tmp_path, counted):
    make(screened(), tmp_path / "whole.h5")
    counted.clear()
    path = tmp_path / "parts.h5"
    with pytest.raises(KeyboardInterrupt):
        make(screened(), path, progress=stop_after(3))
    assert not path.exists()
    assert counted == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    # A shard that was damaged meanwhile is made again.
    shard = tmp_path / "parts.h5.parts" / "00001.h5"
    raw = bytearray(shard.read_bytes())
    raw[len(raw) // 2] ^= 1
    shard.write_bytes(raw)
    counted.clear()
    report = make(screened(), path)
    assert counted == [[3, 4, 5], [9, 10, 11], [12]]
    assert report.kept == 6
    assert_same_bits(path, tmp_path / "whole.h5")
    assert not shard.parent.exists()


def test_parts_of_another_plan_are_not_mixed_in(screened, tmp_path, counted):
    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        make(screened(), path, progress=stop_after(2))
    for options, words in (
        ({"chunk": 4}, r"another chunk \(3 there, 4 here\)"),
        ({"tolerance": 1e-6}, r"another tolerance"),
        ({"dtype": "float32"}, r"another dtype .*--force"),
    ):
        with pytest.raises(InputError, match=words):
            make(screened(), path, **options)
    with pytest.raises(InputError, match="another failing"):
        make(screened(failing=0.6), path)
    counted.clear()
    make(screened(), path, chunk=4, force=True)
    assert len(counted) == 4


def test_an_unreadable_manifest_is_refused_in_one_line(screened, tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        make(screened(), path, progress=stop_after(2))
    (tmp_path / "a.h5.parts" / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="--force"):
        make(screened(), path)
    make(screened(), path, force=True)


def test_an_existing_output_stays_until_the_new_one_is_whole(screened, tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists"):
        make(screened(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with pytest.raises(KeyboardInterrupt):
        make(screened(), path, force=True, progress=stop_after(2))
    assert path.read_text() == "precious"
    make(screened(), path, force=True)
    assert len(Dataset(path)) == SAMPLES


def test_samples_that_do_not_converge_are_listed_and_not_stored(screened, tmp_path):
    path, problem = tmp_path / "a.h5", screened(failing=0.8)
    report = make(problem, path)
    viscosities = [problem.draw_sample(SEED, i)["k"] for i in range(SAMPLES)]
    bad = [i for i, k in enumerate(viscosities) if k < 0.8]
    assert 0 < len(bad) < SAMPLES
    assert report.failed == tuple((i, "stagnated") for i in bad)
    assert report.stored == SAMPLES - len(bad)
    assert "not converged" in str(report)
    found = arrays(path)
    good = [i for i in range(SAMPLES) if i not in bad]
    np.testing.assert_array_equal(found["status/sample"], good)
    assert np.isfinite(found["outputs/u"]).all()
    assert Dataset(path).failed == [{"sample": i, "reason": "stagnated"} for i in bad]


def test_a_solution_too_large_for_single_precision_is_left_out(screened):
    problem = screened()
    plan = generation.Plan(SEED, 2, 24, problem.data_fidelity(24, 1e-8), 2, "given", "float32")

    class Huge(screened):
        def solve(self, inputs, fidelity, threads=1):
            solution = super().solve(inputs, fidelity, threads)
            solution.fields[1:] *= 1e300
            return solution

    shard = generation.solve_chunk(Huge(), plan, [0, 1])
    assert shard.failed == [{"sample": 1, "reason": "solution is not finite"}]
    assert shard.arrays["outputs/u"].shape == (1, 24)


def test_no_converged_sample_is_an_error(screened, tmp_path):
    with pytest.raises(InputError, match="none of 13 samples converged, the first: stagnated"):
        make(screened(failing=2.0), tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_refused(screened, tmp_path):
    path = tmp_path / "a.h5"

    def second(done, total, message):
        if done == 3:
            with pytest.raises(InputError, match="another process is making"):
                make(screened(), path)

    make(screened(), path, progress=second)
    assert len(Dataset(path)) == SAMPLES


KILLED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
sys.path.insert(0, sys.argv[1])
from conftest import Screened
from sobolev.datasets.generation import generate
def main():
    generate(Screened(pause=0.2), 13, 24, 7, sys.argv[2], chunk=3, workers=int(sys.argv[3]))
if __name__ == "__main__":
    main()
"""


def alive(group, patience=5.0):
    """Whether a process group still has members; its last ones may take a moment to go."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("sent", (signal.SIGKILL, signal.SIGINT))
def test_a_stopped_process_leaves_its_parts_to_the_next(screened, tmp_path, sent, counted):
    path, script = tmp_path / "a.h5", tmp_path / "script.py"
    script.write_text(KILLED)
    workers = "2" if sent == signal.SIGINT else "1"
    process = subprocess.Popen(
        [sys.executable, script, os.path.dirname(__file__), path, workers],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    entered = tmp_path / "a.h5.parts" / "checksums.txt"
    while not (entered.exists() and entered.read_text().endswith("h5\n")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # As a terminal does on Ctrl-C: to the whole group, workers included.
    os.killpg(process.pid, sent)
    complaint = process.communicate(timeout=60)[1]
    if sent == signal.SIGINT:
        assert complaint.rstrip().endswith("KeyboardInterrupt")
        assert complaint.count("Traceback") == 1, complaint
        assert not alive(process.pid)
    make(screened(pause=0.2), path)
    assert len(counted) < 5
    make(screened(pause=0.0), tmp_path / "b.h5")
    assert_same_bits(path, tmp_path / "b.h5")


def test_a_full_disk_loses_nothing(screened, tmp_path, monkeypatch, counted):
    path, written = tmp_path / "a.h5", []
    pwrite = os.pwrite

    def full(descriptor, data, offset):
        written.append(len(data))
        if sum(written) > 12_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left") as caught:
        make(screened(), path)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    kept = sorted(p.name for p in (tmp_path / "a.h5.parts").glob("*.h5"))
    assert 0 < len(kept) < 5
    report = make(screened(), path)
    assert report.kept == 3 * len(kept)


def test_too_little_room_is_seen_before_the_work(screened, tmp_path, monkeypatch, counted):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 5, 5))
    with pytest.raises(InputError, match="MB free in"):
        make(screened(), tmp_path / "a.h5")
    assert counted == []


def test_single_precision(screened, tmp_path):
    make(screened(), tmp_path / "double.h5")
    make(screened(), tmp_path / "single.h5", dtype="float32")
    double, single = arrays(tmp_path / "double.h5"), arrays(tmp_path / "single.h5")
    for name in ("inputs/f", "inputs/k", "outputs/u"):
        np.testing.assert_array_equal(single[name], double[name].astype(np.float32))
        assert single[name].dtype == np.float32


@pytest.mark.parametrize(
    "options, words",
    (
        ({"samples": 0}, "samples >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"chunk": 0}, "chunk >= 1"),
        ({"workers": 0}, "at least one worker"),
        ({"resolution": -4}, "resolution of at least 4"),
        ({"tolerance": float("nan")}, "tolerance between"),
        ({"order": "random"}, "given or sorted"),
        ({"dtype": "float16"}, "float32 or float64"),
    ),
)
def test_illegal_arguments(screened, tmp_path, options, words):
    arguments = {"samples": 4, "resolution": 16, "seed": 0, "output": tmp_path / "a.h5"} | options
    with pytest.raises(InputError, match=words):
        generate(screened(), **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, options, words",
    (
        ("burgers", {"resolution": 0}, "resolution of at least 4"),
        ("advection", {"resolution": -5}, "resolution of at least 4"),
        ("kdv", {"tolerance": -1.0}, "tolerance between"),
    ),
)
def test_no_rule_of_a_problem_is_asked_for_the_impossible(tmp_path, name, options, words):
    """Doubling a grid of no points until it resolves would not end."""
    arguments = {"samples": 4, "resolution": 16, "seed": 0, "output": tmp_path / "a.h5"} | options
    with pytest.raises(InputError, match=words):
        generate(make_problem(name), **arguments)


def test_the_manifest_says_what_is_being_made(screened, tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        make(screened(), path, progress=stop_after(1))
    folder = tmp_path / "a.h5.parts"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["description"]["plan"]["chunk"] == 3
    assert manifest["chunks"][-1] == [12]
    check = subprocess.run(["sha256sum", "-c", "checksums.txt"], cwd=folder, capture_output=True)
    assert check.returncode == 0
    assert shards._finished(folder, 5) == {0}


def test_a_problem_that_the_workers_cannot_import_is_told_and_waits_for_nobody(tmp_path):
    script = """
import sys
if __name__ == "__main__":
    sys.path.insert(0, "hidden")
    import theirs
    from sobolev.datasets.generation import generate
    sys.path.pop(0)
    theirs.Theirs.__module__ = "gone"
    sys.modules["gone"] = theirs
    generate(theirs.Theirs(), 4, 8, 0, "x.h5", workers=2, chunk=2)
"""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "theirs.py").write_text(
        "from sobolev.datasets.problems.darcy import Darcy\nclass Theirs(Darcy): pass\n"
    )
    (tmp_path / "main.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert "the workers cannot import the problem" in done.stderr
