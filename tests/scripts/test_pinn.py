"""`sobolev pinn`: methods, kinds of problems, pictures, and the way into a benchmark."""

import errno
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path

import matplotlib.image
import pytest

from sobolev.pinns.config import DEMO, PINNConfig
from sobolev.pinns.methods import METHODS
from sobolev.scripts.cases import pinn_case
from sobolev.scripts.cli import main
from sobolev.scripts.pinn_instance import Instance, load_solution, reference

QUICK = (
    "--pinn.first_steps", "3", "--pinn.second_steps", "3", "--pinn.points", "32", "--pinn.width",
    "8", "--pinn.depth", "2", "--pinn.threads", "1", "--pinn.log_every", "2", "--resolution", "16",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def undrawn(monkeypatch):
    """Without the picture, which takes longer than the little that is trained here."""
    monkeypatch.setattr("sobolev.scripts.pinn_pictures.draw_pictures", lambda *given: None)


def run(*words):
    return main([str(word) for word in words])


def shape_of(path):
    return matplotlib.image.imread(path).shape


def error_in(text):
    return float(re.search(r"relative L2 error (\S+)", text)[1])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_known_to_the_options(method):
    assert PINNConfig.from_dict({**DEMO.to_dict(), **METHODS[method]})


def test_a_method_sets_defaults_that_flags_override(undrawn):
    words = ("pinn", "advection", "--method", "broyden", "--pinn.weighting", "fixed", *QUICK)
    assert run(*words, "--output", "out") == 0
    config = json.loads(Path("out/config.json").read_text())["config"]
    assert config["second"] == "ssbroyden"
    assert config["weighting"] == "fixed"
    assert json.loads(Path("out/instance.json").read_text())["method"] == "broyden"


def test_weights_of_terms_from_a_file_and_from_a_flag(undrawn, capsys):
    Path("options.yaml").write_text("pinn: {weighting: fixed, term_weights: {initial: 100}}")
    words = ("pinn", "burgers", *QUICK, "--output", "out", "--config", "options.yaml")
    assert run(*words) == 0
    config = json.loads(Path("out/config.json").read_text())["config"]
    assert config["term_weights"] == {"initial": 100.0}
    assert run(*words, "--force", "--pinn.term_weights", '{"start": 7}') == 2
    assert "expected term_weights of equation, initial, got start" in capsys.readouterr().err


SHORT = ("--problem.horizon", "0.05", "--problem.frames", "2")


@pytest.mark.parametrize(
    ("name", "words"), [("poisson", ()), ("chaotic", ()), ("navier_stokes", SHORT)]
)
def test_every_kind_of_problem_is_drawn_and_measured(name, words, capsys):
    """Steady; several outputs and no axes; more unknowns than outputs."""
    assert run("pinn", name, *words, *QUICK, "--output", "out") == 0
    assert 0.0 < error_in(capsys.readouterr().out) < 1e4
    assert shape_of("out/pictures.png")[:2] == (832, 1365)


def test_a_full_disk_at_the_picture_costs_no_training(monkeypatch, capsys):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    words = ("pinn", "burgers", *QUICK, "--output", "out")
    with monkeypatch.context() as patch:
        patch.setattr("sobolev.scripts.pinn_pictures.write_whole", full)
        assert run(*words) == 2
    trained = Path("out/checkpoint.safetensors").stat().st_mtime_ns
    assert not Path("out/pictures.png").exists()
    first = error_in(capsys.readouterr().out)
    assert run(*words) == 0
    assert Path("out/pictures.png").exists()
    assert Path("out/checkpoint.safetensors").stat().st_mtime_ns == trained
    assert error_in(capsys.readouterr().out) == first
    assert run(*words) == 2  # finished: another output or --force


WINDOWS = (
    "pinn", "advection", "--windows", 2, *QUICK, "--pinn.refresh_every", 2, "--pinn.log_every", 1,
    "--pinn.checkpoint_every", 2,
)  # fmt: skip


def test_windows_go_on_where_they_were_stopped(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("sobolev.scripts.pinn_pictures.draw_pictures", lambda *given: None)
        assert run(*WINDOWS, "--output", "whole") == 0
    seen = capsys.readouterr()
    assert "window 2 stopped: maximum iterations; then maximum iterations" in seen.out
    error = error_in(seen.out)

    @contextmanager
    def stopping(title):
        def report(done, total, text):
            assert total == 12
            assert f"window {1 + (done > 6)} of 2, loss " in text
            assert "error" in text
            if done == 9:
                raise KeyboardInterrupt

        yield report

    with monkeypatch.context() as patch:
        patch.setattr("sobolev.scripts.pinn.progress_bar", stopping)
        assert run(*WINDOWS, "--output", "out") == 130
    stray = Path("out/window-001/.checkpoint.safetensors.1.tmp")
    stray.write_text("of a killed process")
    assert run(*WINDOWS, "--windows", 3, "--sample", 1, "--output", "out") == 2
    assert "expected the sample, windows of the stopped run" in capsys.readouterr().err
    first = Path("out/window-000/weights.safetensors").stat().st_mtime_ns
    assert run(*WINDOWS, "--output", "out") == 0
    assert error_in(capsys.readouterr().out) == error
    assert Path("out/window-000/weights.safetensors").stat().st_mtime_ns == first
    assert not stray.exists()
    for name in ("window-000", "window-001"):
        ours, whole = (Path(f, name, "weights.safetensors") for f in ("out", "whole"))
        assert ours.read_bytes() == whole.read_bytes()
    assert shape_of("out/pictures.png")[:2] == (832, 1365)
    # As a benchmark takes it.
    case = pinn_case(Path("out"))
    (facts,), (contestant,) = case.facts, case.surrogates
    log = json.loads(json.dumps(facts["log"], allow_nan=False))
    assert len(log["seconds"]) == len(log["loss"]) == len(log["error"]) == 12
    assert log["seconds"] == sorted(log["seconds"])
    assert len(facts["stop_reasons"]) == 4
    assert contestant.solve({}).numpy().shape == (1, len(case.problem.times) - 1, 256)


def test_random_features_in_windows(capsys):
    words = ("pinn", "advection", "--method", "random_features", "--windows", 2)
    sizes = ("--features.features", 40, "--features.patches", 2, "--features.refinements", 0)
    assert run(*words, *sizes, "--resolution", 16, "--output", "out") == 0
    said = capsys.readouterr()
    assert "window 2: random features: misfit" in said.out
    assert "random features: 2/2 window 2 of 2, misfit" in said.err
    assert shape_of("out/pictures.png")[:2] == (832, 1365)
    _, problem, draw, result = load_solution(Path("out"))
    truth = reference(problem, draw, 16, 1)
    assert f"{result.error(truth):.3e}" == f"{error_in(said.out):.3e}"


@pytest.mark.parametrize(
    ("name", "windows", "words"), [("poisson", 2, "in time for windows"), ("kdv", 0, "one window")]
)
def test_windows_that_cannot_be(name, windows, words, capsys):
    assert run("pinn", name, "--windows", windows, "--output", "out") == 2
    assert words in capsys.readouterr().err
    assert not Path("out").exists()


def test_numbers_are_found_from_measurements(capsys):
    Path("measured.csv").write_text("t,x,u\n0.5,0.25,0.1\n0.75,0.5,-0.2\n")
    words = ("pinn", "advection", "--find", "speed", "--measurements", "measured.csv", *QUICK)
    assert run(*words, "--output", "out") == 0
    said = capsys.readouterr()
    facts = json.loads(Path("out/instance.json").read_text())
    speed = facts["found"]["speed"]
    assert f"found speed = {speed:.6g}" in said.out
    assert f"speed {speed:.6g}" in said.err.splitlines()[-1]
    assert facts["measurements"] == Path("measured.csv").read_text()
    assert shape_of("out/pictures.png")[:2] == (832, 1365)
    # The solution and its reference are those of the number that was found.
    Path("measured.csv").unlink()
    _, problem, draw, result = load_solution(Path("out"))
    assert result.found == {"speed": speed}
    assert problem.evaluate(draw, problem.grid(8))["speed"] == speed
    assert f"{result.error(reference(problem, draw, 16, 1)):.3e}" == f"{error_in(said.out):.3e}"
    assert speed != Instance("advection", {}, 0, 0, "").make()[1]["speed"]  # the drawn one


def test_other_measurements_are_another_run(undrawn, monkeypatch, capsys):
    def stop(*given):
        raise KeyboardInterrupt

    words = ("pinn", "advection", "--measurements", "measured.csv", *QUICK, "--output", "out")
    Path("measured.csv").write_text("t,x,u\n0.5,0.25,0.1\n")
    with monkeypatch.context() as patch:
        patch.setattr("sobolev.pinns.run.Run.run", stop)
        assert run(*words) == 130
    Path("measured.csv").write_text("t,x,u\n0.5,0.25,0.2\n")
    assert run(*words) == 2
    assert "expected the measurements of the stopped run" in capsys.readouterr().err
    assert run(*words, "--force") == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--find", "speed"), "--measurements FILE beside --find"),
        (("--find", "speed", "--measurements", "none.csv"), "none.csv: No such file"),
        (("--find", "sped", "--measurements", "good.csv"), "numbers of 'advection' to find (speed"),
        (("--measurements", "empty.csv"), "columns t, x and u in the measurements, got none"),
        (("--measurements", "outside.csv"), "measured points in the domain, got 1 of 1 outside"),
        (("--find", "speed", "--measurements", "good.csv", "--windows", "2"), "in one window"),
        (
            ("--find", "speed", "--measurements", "good.csv", "--method", "random_features"),
            "a network in one window beside --find",
        ),
    ],
)
def test_refuses_measurements(words, expected, capsys):
    for name, text in ("good", "0,0,1"), ("outside", "0,7,1"):
        Path(f"{name}.csv").write_text(f"t,x,u\n{text}\n")
    Path("empty.csv").touch()
    assert run("pinn", "advection", *words, "--output", "out") == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert not Path("out").exists()


def test_random_features_solve_and_are_benchmarked(capsys):
    words = ("pinn", "advection", "--method", "random_features")
    sizes = ("--features.features", 60, "--features.patches", 2, "--features.refinements", 1)
    assert run(*words, *sizes, "--resolution", 32, "--output", "out") == 0
    assert "baseline that every PINN has to face" in capsys.readouterr().out
    assert shape_of("out/pictures.png")[:2] == (832, 1365)
    assert run("benchmark", "out", "--output", "bench", "--repeats", 1) == 0
    facts = json.loads(Path("bench/benchmark.json").read_text())
    assert facts["surrogates"][0]["model"] == "random_features"
    assert run("report", "bench", "--output", "report.html") == 0
