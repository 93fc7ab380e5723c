"""PETSc and hypre as peers: this file is both ends of a pipe.

Debian's python3-petsc4py belongs to the system's own interpreter, so that one runs this file as a
server on the saved systems, with nothing but NumPy and petsc4py. It times set-up and solve of the
preconditioner and the Krylov method; making PETSc's matrix from the arrays is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from glob import glob
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

INTERPRETER = "/usr/bin/python3"
DEFINITE = ("diffusion", "diffusion3d", "poisson3d")
FLOWS = ("convection_diffusion",)


class Solver(NamedTuple):
    """A Krylov method and its preconditioner, on the kinds of cases where it has a chance."""

    method: str
    preconditioner: str
    kinds: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()


SOLVERS = {
    "PETSc CG + ICC": Solver("cg", "icc", DEFINITE),
    "PETSc CG + hypre": Solver("cg", "hypre", DEFINITE),
    "PETSc GMRES(30) + ILU": Solver("gmres", "ilu", (*DEFINITE, *FLOWS, "helmholtz")),
    "PETSc GMRES(30) + ILU(3)": Solver("gmres", "ilu", FLOWS, (("pc_factor_levels", "3"),)),
    "PETSc GMRES(30) + hypre": Solver("gmres", "hypre", FLOWS),
}


class Server:
    """The other end: `Server()` raises FileNotFoundError where petsc4py is missing."""

    def __init__(self) -> None:
        if not available():
            raise FileNotFoundError("PETSc: python3-petsc4py of Debian is not installed")
        self._folder = tempfile.TemporaryDirectory()
        self._saved: set[int] = set()
        command = [INTERPRETER, __file__, self._folder.name]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=_environment(), text=True
        )

    def solve(
        self, name: str, number: int, A: Any, b: np.ndarray, rtol: float
    ) -> tuple[np.ndarray, float]:
        """x and the seconds it took; A in CSR, `number` tells the systems apart."""
        if number not in self._saved:
            arrays = {"indptr": A.indptr, "indices": A.indices, "data": A.data, "b": b}
            np.savez(Path(self._folder.name) / f"{number}.npz", **arrays)
            self._saved.add(number)
        seconds = float(self._ask(f"{name}|{number}|{rtol}"))
        return np.load(Path(self._folder.name) / "x.npy"), seconds

    def memory(self) -> float:
        """Peak MB of the server since its last system was loaded, over what it held then."""
        return float(self._ask("memory"))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline() or "nan"

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()


def available() -> bool:
    if not Path(INTERPRETER).exists():
        return False
    command = [INTERPRETER, "-c", "from petsc4py import PETSc"]
    return subprocess.run(command, env=_environment(), capture_output=True).returncode == 0


def _environment() -> dict[str, str]:
    """One thread; and where PETSc lies, should Debian's link to it be missing."""
    found = sorted(glob("/usr/lib/petscdir/*/*-real"))
    return os.environ | {"OMP_NUM_THREADS": "1"} | ({"PETSC_DIR": found[-1]} if found else {})


def _serve(folder: Path) -> None:
    held, matrix = 0.0, None
    loaded = ""
    for line in sys.stdin:
        if line.strip() == "memory":
            print(_peak() - held, flush=True)
            continue
        name, number, rtol = line.strip().split("|")
        if number != loaded:
            matrix, b = _load(folder / f"{number}.npz")
            loaded = number
            Path("/proc/self/clear_refs").write_text("5")
            held = _peak()
        assert matrix is not None
        x, seconds = _solve(SOLVERS[name], matrix, b, float(rtol))
        np.save(folder / "x.npy", x)
        print(seconds, flush=True)


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _load(path: Path) -> tuple[Any, np.ndarray]:
    from petsc4py import PETSc  # type: ignore[import-not-found,unused-ignore]

    with np.load(path) as arrays:
        rows = (arrays["indptr"].astype("i4"), arrays["indices"].astype("i4"), arrays["data"])
        b = arrays["b"]
    A = PETSc.Mat().createAIJ((b.size, b.size), csr=rows)
    A.setOption(PETSc.Mat.Option.SYMMETRIC, True)  # only read by CG's preconditioners
    return A, b


def _solve(solver: Solver, A: Any, b: np.ndarray, rtol: float) -> tuple[np.ndarray, float]:
    """Right preconditioning makes GMRES watch the true residual, and CG is told to."""
    from petsc4py import PETSc  # type: ignore[import-not-found,unused-ignore]

    for key, value in solver.options:
        PETSc.Options()[key] = value
    right, x = PETSc.Vec().createWithArray(b), PETSc.Vec().createSeq(b.size)
    start = time.process_time()
    ksp = PETSc.KSP().create()
    ksp.setOperators(A)
    ksp.setType(solver.method)
    if solver.method == "gmres":
        ksp.setPCSide(PETSc.PC.Side.RIGHT)
    else:
        ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    ksp.getPC().setType(solver.preconditioner)
    ksp.getPC().setFromOptions()
    ksp.setTolerances(rtol=rtol, max_it=2_000)
    ksp.solve(right, x)
    seconds = time.process_time() - start
    for key, _ in solver.options:
        PETSc.Options().delValue(key)
    ksp.destroy()
    return x.getArray().copy(), seconds


if __name__ == "__main__" and len(sys.argv) == 2:
    _serve(Path(sys.argv[1]))
