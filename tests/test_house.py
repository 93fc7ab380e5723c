"""The house: floors, packages, the wheel, and what an import costs."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("geometry", "solvers", "datasets", "operators", "pinns", "scripts")
HEAVY = ("torch", "numba", "dask", "sympy", "matplotlib", "sklearn", "meshio", "scipy", "h5py")
# What a machine that only trains and predicts has beside Python.
LEAN_MISSING = (
    "numba", "dask", "distributed", "sympy", "matplotlib", "sklearn", "meshio", "jinja2",
)  # fmt: skip


def modules():
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Absolute names of everything that a file of ours imports, wherever it stands in the file."""
    package = ("sobolev", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names} | {stem}
    return found


def floor_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "sobolev" and parts[1] in FLOORS else None


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_floor_imports_only_from_floors_below(path):
    own = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = {n for n in imported(path) if (f := floor_of(n)) and FLOORS.index(f) > own}
    assert not above


def test_solvers_know_no_files_and_no_networks():
    for path in (ROOT / "solvers").rglob("*.py"):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & {"torch", "h5py"}, path


def test_operators_know_no_problem():
    for path in (ROOT / "operators").rglob("*.py"):
        assert not any(".datasets.problems" in name for name in imported(path)), path


def test_root_holds_one_python_file():
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def package_list() -> list[str]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]["setuptools"]["packages"]


def test_package_list_is_the_tree():
    tree = {"sobolev"}
    for path in modules():
        tree.add(".".join(("sobolev", *path.relative_to(ROOT).parent.parts)))
    # Benchmarks are run from a checkout; they are no part of what is installed.
    assert sorted(tree - {"sobolev.scripts.bench"}) == sorted(package_list())


def test_wheel_holds_the_package_and_nothing_else(tmp_path):
    # From a copy: setuptools builds in the tree and would take what an older build left there.
    left_out = (".*", "build", "*.egg-info", "__pycache__", "demo", "report", "runs")
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(*left_out))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sobolev"}
    inside = {name for name in names if name.endswith(".py")}
    wanted = {
        f"sobolev/{path.relative_to(ROOT)}" for path in modules() if "bench" not in path.parts
    }
    assert inside == wanted | {"sobolev/__init__.py"}
    assert "sobolev/scripts/report.html.j2" in names


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_import_is_light():
    loaded = python("import sobolev, sys; print(*sys.modules)").split()
    assert not set(loaded) & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "module",
    ["sobolev.operators.training", "sobolev.operators.surrogate", "sobolev.datasets.loader",
     "sobolev.operators.fno", "sobolev.operators.deeponet", "sobolev.operators.pca",
     "sobolev.pinns.pinn", "sobolev.scripts.train"],
)  # fmt: skip
def test_training_imports_without_the_solvers_libraries(module):
    block = f"import sys; sys.modules.update(dict.fromkeys({LEAN_MISSING!r}))"
    assert python(f"{block}; import {module}; print('ok')") == "ok"
