"""The command line: what a person types, and one line with exit code 2 for what cannot work."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from sobolev.scripts import cli

ROOT = Path(__file__).parents[2]


def run(*words):
    """Exit code of a command, in this process."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:
        return stop.code


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "darcy.h5"
    assert run("generate", "darcy", "--samples", 12, "--resolution", 8, "--output", path) == 0
    return path


@pytest.fixture
def bad_files(tmp_path, dataset):
    """Files that are no dataset, by what is wrong with them."""
    whole = dataset.read_bytes()
    flipped = bytearray(whole)
    with h5py.File(dataset) as file:
        offset = file["outputs/u"].id.get_chunk_info(0).byte_offset
    flipped[offset + 11] ^= 4
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["tensor"] = np.zeros(3)
    (tmp_path / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.h5").write_bytes(bytes(flipped))
    (tmp_path / "text.h5").write_text("not a dataset")
    return tmp_path


def one_line(capsys, *words):
    """The single line of standard error of a command that must exit with 2."""
    capsys.readouterr()
    assert run(*words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    assert len(lines) == 1
    return lines[0]


def test_overview_and_version(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in cli.COMMANDS)
    assert run("--version") == 0


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_help_of_every_command(command, capsys):
    assert run(command, "--help") == 0
    assert "usage: sobolev" in capsys.readouterr().out


def test_list_shows_each_problem_and_operator_with_one_line(capsys):
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("darcy", "burgers", "fno", "deeponet", "pca"):
        assert sum(line.split()[0] == name for line in lines) == 1
    assert run("list", "darcy") == 0
    assert "a u_{x}" in capsys.readouterr().out


def test_script_is_equal_to_the_command(tmp_path):
    words = ["burgers", "--samples", "3", "--resolution", "32", "--tolerance", "1e-5", "--output"]
    outputs = []
    for name, command in (
        ("a.h5", ["-m", "sobolev.scripts.cli", "generate"]),
        ("b.h5", [str(ROOT / "scripts" / "generate.py")]),
    ):
        subprocess.run([sys.executable, *command, *words, name], cwd=tmp_path, check=True)
        with h5py.File(tmp_path / name) as file:
            outputs.append(file["outputs/u"][...])
    assert np.array_equal(*outputs)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("generat",), "did you mean 'generate'"),
        (("generate", "darci"), "did you mean 'darcy'"),
        (("generate",), "name"),
        (("generate", "darcy", "--sampels", "4"), "--sampels"),
        (("generate", "darcy", "--samples", "-4"), "got -4"),
        (("generate", "darcy", "--samples", "many"), "samples"),
        (("generate", "darcy", "--resolution", "-1"), "-1"),
        (("generate", "darcy", "--tolerance", "nan"), "nan"),
        (("generate", "darcy", "--workers", "0"), "got 0"),
        (("generate", "darcy", "--problem.low", "-3"), "a number from"),
        (("generate", "darcy", "--problem.wet", "3"), "wet"),
        (("generate", "darcy", "--output", "/nowhere/x.h5"), "/nowhere"),
        (("generate", "darcy", "--config", "nothing.yaml"), "nothing.yaml"),
        (
            ("generate", "darcy", "--samples", "2", "--scheduler", "tcp://127.0.0.1:9"),
            "127.0.0.1:9",
        ),
        (("verify", "nothing.h5"), "nothing.h5"),
        (("train", "fnoo", "x.h5"), "did you mean 'fno'"),
        (("train", "fno", "nothing.h5"), "nothing.h5"),
        (("train", "fno", "x.h5", "--model.widt", "3"), "--model.widt"),
        (("generate", "--samples", "2", "darci"), "did you mean 'darcy'"),
        (("pinn", "darcy", "--output", "x", "--resolution", "16"), "to differentiate"),
        (("pinn", "burgers", "--output", "x", "--method", "magic"), "magic"),
        (("benchmark", "nothing"), "nothing"),
        (("report", "nothing"), "nothing"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expected in one_line(capsys, *words)
    assert [path for path in Path().rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("sampels: 3", "sampels"), ("problem:\n  low: .nan", "low"), ("samples: [", "nothing")],
)
def test_bad_configuration_files(text, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(text)
    line = one_line(capsys, "generate", "darcy", "--config", "c.yaml")
    assert expected == "nothing" or expected in line


def test_flags_override_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("samples: 3\nresolution: 8\nproblem:\n  coefficient: lognormal\n")
    words = ("generate", "darcy", "--config", "c.yaml", "--samples", 2, "--output", "d.h5")
    assert run(*words) == 0
    with h5py.File("d.h5") as file:
        assert file["inputs/a"].shape == (2, 8, 8)
        assert b"lognormal" in file.attrs["problem_config"]


@pytest.mark.parametrize("kind", ["truncated", "foreign", "flipped", "text"])
@pytest.mark.parametrize("command", [("verify",), ("train", "fno")])
def test_bad_files_are_one_line(kind, command, capsys, bad_files, monkeypatch):
    monkeypatch.chdir(bad_files)
    line = one_line(capsys, *command, f"{kind}.h5")
    assert f"{kind}.h5" in line


def test_nothing_is_overwritten_without_force(capsys, dataset):
    before = dataset.read_bytes()
    words = ("generate", "darcy", "--samples", 3, "--resolution", 8, "--output", dataset)
    assert "exists" in one_line(capsys, *words)
    assert dataset.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_that_cannot_be_written(capsys, tmp_path):
    tmp_path.chmod(0o500)
    assert "write" in one_line(capsys, "generate", "darcy", "--output", tmp_path / "x.h5")


def test_verify_passes_on_what_generate_wrote(dataset, capsys):
    assert run("verify", dataset) == 0


def test_two_processes_do_not_write_one_folder(dataset, tmp_path, capsys):
    from sobolev.scripts.common import only_writer

    with only_writer(tmp_path / "out"):
        line = one_line(capsys, "train", "pca", dataset, "--output", tmp_path / "out")
        assert "another process is writing" in line
    assert list(tmp_path.iterdir()) == []


def test_a_problem_in_three_dimensions_goes_all_the_way(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [
        "generate poisson --problem.dimension 3 --samples 10 --resolution 8 --output cube.h5",
        "train pca cube.h5 --output cube-pca",
        "benchmark cube-pca --output cube-benchmark --instances 1 --repeats 1",
        "report cube-benchmark --output report",
    ]
    for line in lines:
        assert run(*line.split()) == 0, capsys.readouterr().err
    page = (tmp_path / "report" / "index.html").read_text()
    assert "the plane z = 0.562" in page
