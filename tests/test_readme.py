"""Every example of the README and of the docs runs as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from sobolev.scripts import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


EXAMPLES = [
    pytest.param(code, id=f"{path.name}-{number}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, code in enumerate(blocks("python", path.read_text()))
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_python_examples(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {})


def test_commands_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (commands,) = blocks("sh")
    for line in commands.splitlines():
        assert cli.main(shlex.split(line)[1:]) == 0, line
    assert Path("report/index.html").stat().st_size > 10_000


def test_a_problem_and_an_operator_take_few_lines():
    problem = next(b for b in blocks("python") if "class Fisher" in b)
    operator = next(b for b in blocks("python") if "ARCHITECTURE" in b)
    for block, most in ((problem, 25), (operator, 20)):
        lines = [line for line in block.splitlines() if line.strip()]
        assert len(lines) <= most, len(lines)


def test_figures_are_filled_in():
    assert "@@" not in README
