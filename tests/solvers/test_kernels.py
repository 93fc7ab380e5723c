"""Compiled functions are fresh even where only a file that they call into was edited."""

import importlib.util
import pickle
import subprocess
import sys

import numpy as np

from sobolev.solvers.kernels import borrowed, kernel
from sobolev.solvers.multigrid.conjugate import conjugate_gradients
from sobolev.solvers.spectral.fft import transform_lines

CALLEE = "from sobolev.solvers.kernels import kernel\n@kernel()\ndef inner(x):\n    return x + {}\n"
CALLER = (
    "from kernel_callee import inner\nfrom sobolev.solvers.kernels import kernel\n"
    "@kernel()\ndef outer(x):\n    return 10.0 * inner(x)\n"
)


def load(folder, name):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_an_edit_of_a_called_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "kernel_caller.py").write_text(CALLER)
    callee = tmp_path / "kernel_callee.py"
    results, hits = [], []
    for constant in ("1.0", None, "2.00"):
        if constant:
            callee.write_text(CALLEE.format(constant))
        load(tmp_path, "kernel_callee")
        outer = load(tmp_path, "kernel_caller").outer
        results.append(outer(1.0))
        hits.append(sum(outer.stats.cache_hits.values()))
    assert results == [20.0, 20.0, 30.0]
    assert hits == [0, 1, 0]


def test_an_index_of_types_that_nobody_knows_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "kernel_callee.py").write_text(CALLEE.format("1.0"))
    load(tmp_path, "kernel_callee").inner(1.0)
    (index,) = tmp_path.rglob("*.nbi")
    with index.open("rb") as file:
        version = pickle.load(file)
    index.write_bytes(pickle.dumps(version) + b"cno_such_module\nType\n.")
    hits = []
    for _ in range(2):
        inner = load(tmp_path, "kernel_callee").inner
        assert inner(1.0) == 2.0
        hits.append(sum(inner.stats.cache_hits.values()))
    assert hits == [0, 1]


def test_the_solver_knows_all_its_files():
    names = {path.rsplit("/", 1)[-1] for path in conjugate_gradients.sources}
    assert names == {
        *("conjugate.py", "cycle.py", "layout.py", "links.py", "smoothing.py", "transfers.py"),
        *("diffusion_kernels.py", "kernels.py"),
    }


def test_a_kernel_knows_the_files_of_instructions_written_by_hand():
    names = {path.rsplit("/", 1)[-1] for path in transform_lines.sources}
    assert names == {"butterflies.py", "fft.py", "kernels.py", "vectors.py"}


@kernel()
def _sum_of_halves(a):
    a = borrowed(a)
    middle = a.size // 2
    return a[:middle].sum() + 2.0 * a[middle:].sum()


def test_a_borrowed_array_is_the_same_memory_and_stays_its_owners():
    a = np.arange(6.0)
    count = sys.getrefcount(a)
    assert _sum_of_halves(a) == 27.0
    assert sys.getrefcount(a) == count
    np.testing.assert_array_equal(a, np.arange(6.0))


@kernel()
def _divide(a, b):
    return a / b


def test_division_by_zero_is_that_of_numpy():
    assert _divide(1.0, 0.0) == np.inf
    assert np.isnan(_divide(0.0, 0.0))


_MANY = """
import subprocess
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from kernel_shared import twice
for name in sys.argv[2].split(","):
    found = twice(np.full(1, 3, dtype=name))
    assert found.dtype == name and found[0] == 6
print(sum(twice.stats.cache_misses.values()))
"""


def test_processes_that_compile_at_once_leave_a_cache_that_holds_all(tmp_path):
    """Four of them, each for a type of its own; a fifth then compiles nothing and is right."""
    (tmp_path / "kernel_shared.py").write_text(
        "from sobolev.solvers.kernels import kernel\n@kernel()\ndef twice(x):\n    return x + x\n"
    )

    def start(names):
        command = [sys.executable, "-B", "-c", _MANY, str(tmp_path), names]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    names = ("float32", "float64", "complex64", "complex128")
    together = [start(name) for name in names]
    assert [int(process.communicate()[0]) for process in together] == [1] * 4
    later = start(",".join(names))
    assert int(later.communicate()[0]) == 0
