"""The gallery: pictures of the right thing, kept where they are there, replaced only by force."""

import html
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.image import imread

from sobolev.datasets.problem import Variable
from sobolev.datasets.registry import make_problem
from sobolev.geometry.grid import Grid
from sobolev.scripts import cli, figures, gallery
from sobolev.scripts.portraits import Portrait, label, plane, scale


def run(*words):
    """Exit code of a command, in this process."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:
        return stop.code


def one_line(capsys, *words):
    """The single line of standard error of a command that must exit with 2."""
    capsys.readouterr()
    assert run(*words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    return line


SMALL = ("--resolution", 17, "--tolerance", 1e-3)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pictures"


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}


def test_two_problems_end_to_end(folder, capsys):
    sheet = folder.with_name("sheet.png")
    words = ("gallery", "poisson", "burgers", *SMALL, "--output", folder, "--samples", 2)
    assert run(*words, "--sheet", sheet) == 0
    assert f"gallery: {folder / 'index.html'} (2 drawn, 0 kept)" in capsys.readouterr().out
    page = (folder / "index.html").read_text()
    shown = re.findall(r'src="([^"]+)"', page)
    assert len(shown) == 2 * (2 + 1)  # two pictures and a tile each
    for name in shown:
        picture = imread(folder / name)
        assert picture[..., :3].std() > 0.05  # something is drawn
    assert not re.search(r'(src|href)="(http|/)', page)
    for problem in (make_problem("poisson"), make_problem("burgers")):
        assert problem.summary in page
        assert html.escape(problem.card.solver) in page
    assert "sobolev gallery burgers --samples 2 --resolution 17 --tolerance 0.001" in page
    assert "m<sup>2</sup>/s" in page
    assert imread(sheet).std() > 0.05


def test_what_is_there_is_kept(folder, capsys):
    words = ("gallery", "burgers", *SMALL, "--output", folder)
    assert run(*words) == 0
    before = times(folder)
    (folder / "burgers.json").rename(folder / "other")  # as if interrupted before the last line
    assert run("gallery", "poisson", "burgers", *SMALL, "--output", folder) == 0
    assert "2 drawn, 0 kept" in capsys.readouterr().out
    between = times(folder)
    assert between["burgers-0.png"] > before["burgers-0.png"]
    assert run("gallery", "poisson", "burgers", *SMALL, "--output", folder) == 0
    assert "0 drawn, 2 kept" in capsys.readouterr().out
    assert times(folder) == between
    assert run(*words, "--force") == 0
    after = times(folder)
    assert after["burgers-0.png"] > between["burgers-0.png"]
    assert after["poisson-0.png"] == between["poisson-0.png"]


def test_nothing_else_is_overwritten_without_force(folder, capsys):
    words = ("gallery", "poisson", *SMALL, "--output", folder)
    assert run(*words) == 0
    before = times(folder)
    assert "add --force" in one_line(capsys, *words, "--seed", 1)
    assert times(folder) == before
    assert run(*words, "--seed", 1, "--force") == 0
    assert json.loads((folder / "poisson.json").read_text())["plan"]["settings"]["seed"] == 1
    foreign = folder.with_name("foreign")
    foreign.mkdir()
    (foreign / "index.html").write_text("mine")
    assert "no gallery" in one_line(capsys, *words[:-1], foreign)
    assert (foreign / "index.html").read_text() == "mine"
    assert "exists" in one_line(capsys, *words, "--seed", 1, "--sheet", foreign / "index.html")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("poison",), "did you mean 'poisson'"),
        (("poisson", "--samples", "0"), "at least one sample"),
        (("poisson", "--resolution", "3"), "at least 4"),
        (("kdv", "--tolerance", "-1"), "tolerance between"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expected in one_line(capsys, "gallery", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_problem_that_is_not_solved_is_told_and_not_drawn(folder, capsys, monkeypatch):
    from sobolev.datasets.problems.poisson import Poisson

    real = Poisson.solve_draws

    def lost(self, *arguments):
        solution = real(self, *arguments)
        solution.converged[:] = False
        return solution

    monkeypatch.setattr(Poisson, "solve_draws", lost)
    assert run("gallery", "poisson", "burgers", *SMALL, "--output", folder) == 1
    assert "not drawn: poisson" in capsys.readouterr().err
    assert not list(folder.glob("poisson*"))
    assert (folder / "burgers-0.png").exists()


def portrait(grid, outputs, frames=0, fields=()):
    """Of made-up values: sines of all coordinates, and of the time where there is one."""
    variables = tuple(Variable(name, "m^2/s") for name in outputs)
    inputs = tuple(Variable(name) for name in fields)
    given = np.linspace(0, 1, frames) if frames else None

    class Stub:
        name = "stub"
        times = given
        time_dependent = given is not None

    Stub.inputs, Stub.outputs = inputs, variables
    x = grid.coordinates().sum(axis=0) if grid.ndim else np.zeros(())
    t = np.arange(frames).reshape(-1, *(1,) * grid.ndim) if frames else 0.0
    values = {name: np.sin(x + t + i) for i, name in enumerate(outputs)}
    return Portrait(Stub(), grid, {name: np.cos(x) for name in fields}, values)


BOX = ((0.0, 1.0),)


@pytest.mark.parametrize(
    ("one", "images", "lines"),
    [
        (portrait(Grid((), ()), ("x", "y", "z"), 50), 0, 4),
        (portrait(Grid(BOX, (9,)), ("u",), 5), 1, 0),
        (portrait(Grid(BOX, (9,)), ("h", "u", "v"), 5), 2, 0),
        (portrait(Grid(BOX * 2, (9, 7)), ("u",), 8), 8, 0),
        (portrait(Grid(BOX * 2, (9, 7)), ("u", "v"), 8), 8, 0),
        (portrait(Grid(BOX * 3, (5, 4, 3)), ("u",), 8), 8, 0),
        (portrait(Grid(BOX, (9,)), ("u",), 0, ("f",)), 0, 2),
        (portrait(Grid(BOX * 2, (9, 7)), ("u",), 0, ("a", "f")), 2, 0),
        (portrait(Grid(BOX * 3, (5, 4, 3)), ("u",)), 1, 0),
    ],
)
def test_every_kind_of_problem_has_its_picture(one, images, lines):
    with figures.style():
        figure, tile = one.draw(), one.tile()
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert sum(len(axes.images) for axes in panels) == images
    assert sum(len(axes.lines) for axes in panels) == lines
    for axes in panels:
        for image in axes.images:
            assert np.ptp(image.get_array()) > 0
    assert len(tile.axes[0].images) + len(tile.axes[0].lines) == 1
    assert len(set(tile.get_size_inches())) == 1
    assert one.summary().startswith("stub: ")


def test_x_is_across_and_time_runs_to_the_right():
    one = portrait(Grid(BOX * 2, (9, 7)), ("u",), 8)
    assert one.draw().axes[0].images[0].get_array().shape == (7, 9)
    line = portrait(Grid(BOX, (9,)), ("u",), 5)
    assert line.draw().axes[0].images[0].get_array().shape == (9, 5)


def test_colours_follow_the_signs():
    assert scale(np.array([-1.0, 3.0])) == {"cmap": "RdBu_r", "vmin": -3.0, "vmax": 3.0}
    assert scale(np.array([1.0, 3.0])) == {"cmap": "viridis", "vmin": 1.0, "vmax": 3.0}
    assert scale(np.array([-0.01, 3.0]))["cmap"] == "viridis"
    assert plane(np.arange(12).reshape(2, 2, 3)).tolist() == [[1, 4], [7, 10]]
    assert label(Variable("psi", "m^2/s")) == r"$\psi$ [m$^{2}$/s]"


def test_equations_keep_their_brackets_when_they_are_broken():
    row = r"u_{t} - \left(" + " + ".join(["a u_{x}"] * 30) + r"\right) + b - width^{2} u = 0"
    svg = figures.equation(row + r" \\ v = 0")
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    one, two = (float(ET.fromstring(figures.equation(text)).get("height")[:-2])
                for text in ("u = 0", r"u = 0 \\ v = 0"))  # fmt: skip
    assert two > 1.5 * one


def test_what_of_a_problem_is_pictured():
    assert gallery.as_pictured(make_problem("burgers")).frames == gallery.FRAMES[1]
    assert gallery.as_pictured(make_problem("burgers_2d")).frames == 4  # of two outputs
    assert gallery.as_pictured(make_problem("poisson")) == make_problem("poisson")
    chaotic = make_problem("chaotic")
    assert gallery.as_pictured(chaotic).horizon > chaotic.horizon
