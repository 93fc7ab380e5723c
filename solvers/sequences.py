"""One call for a sequence of linear systems: the fastest method of the kind, every answer checked.

Memory is that of a few chunks of systems, however long the sequence: systems are taken from an
iterator, and answers are handed over as they come.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import numpy as np

from ..geometry.errors import InputError
from .krylov.result import KrylovResult
from .methods import SequenceMethod, carries, check_method, make_method, method_for
from .ordering import greedy_order
from .reading import check_count, read_source
from .residual import scale_of, true_residual
from .solution import CONVERGED, STAGNATED, Solution

FIRST_FAILURES = 20
FAILURES = (ValueError, ArithmeticError, RuntimeError)  # of one system, `InputError` among them


@dataclass(frozen=True)
class LinearSystem:
    """A x = b, one of a sequence.

    A: a structured operator of this package or a SciPy sparse matrix, (n, n)
    b: right-hand side, (n,) or of the operator's grid
    parameters: what the sorting compares, any shape, the same for all systems of a sequence
    """

    A: Any
    b: np.ndarray
    parameters: np.ndarray | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one system.

    index       its place in the sequence that was given
    x           (n,); None where nothing could be computed
    converged   whether the true residual meets the tolerance
    residual    |b - A x| / |b|, computed here, whatever the method believes; nan without x
    seconds     building the system, where it came as a function, and solving it
    reason      begins with "converged" where it did, else says why it did not
    method      name of the method
    """

    index: int
    x: np.ndarray | None
    converged: bool
    iterations: int
    residual: float
    seconds: float
    reason: str
    method: str


@dataclass
class Statistics:
    """Sums over a sequence. `failures` holds the first of them: (index, reason)."""

    systems: int = 0
    converged: int = 0
    iterations: int = 0
    seconds: float = 0.0
    wall_seconds: float = 0.0
    worst_residual: float = 0.0
    methods: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.systems += 1
        self.converged += outcome.converged
        self.iterations += outcome.iterations
        self.seconds += outcome.seconds
        self.methods[outcome.method] += 1
        if outcome.converged:
            self.worst_residual = max(self.worst_residual, outcome.residual)
        elif len(self.failures) < FIRST_FAILURES:
            self.failures.append((outcome.index, outcome.reason))

    def __str__(self) -> str:
        text = (
            f"{self.converged} of {self.systems} systems converged, "
            f"{self.iterations / max(self.systems, 1):.1f} iterations and "
            f"{1e3 * self.seconds / max(self.systems, 1):.3g} ms each, "
            f"residuals at most {self.worst_residual:.1e}"
        )
        return text + "".join(f"\nsystem {index}: {reason}" for index, reason in self.failures)


Item = LinearSystem | Callable[[], LinearSystem]
"""A system, or a function that builds it: then also a system that cannot be built fails alone."""


def solve_sequence(
    systems: Iterable[Item],
    rtol: float = 1e-8,
    *,
    method: str = "auto",
    receive: Callable[[Outcome], None] | None = None,
    order: Literal["given", "sorted"] = "given",
    chunk: int = 256,
    threads: int = 1,
    warm_start: bool = False,
    **options: Any,
) -> tuple[Statistics, list[Outcome]]:
    """Solve every system to |b - A x| <= rtol |b|; return statistics and the outcomes.

    method: a name of `sobolev.solvers.methods.METHODS`; "auto" takes the fastest of the kind of
        each operator (`FASTEST`); `options` go to its constructor
    receive: called with each outcome, in the order of the systems inside a chunk; then the list
        that is returned is empty, and memory does not grow with the sequence
    order: "sorted" solves each chunk along a chain of nearest neighbours by `parameters`
    chunk: systems that are sorted together, and that a recycling method learns from
    threads: chunks of a recycling method, or parts of a chunk for others, run side by side; the
        answers do not depend on their number
    warm_start: begin from the answer to the system before

    A system that fails (singular, not finite, of a wrong shape, stagnated) says so in its
    outcome, and the others go on. Raises `InputError` for an unknown method or one that does not
    know the kind of a matrix, and for illegal options.

    >>> import scipy.sparse as sparse
    >>> A = sparse.diags_array([-np.ones(9), 2 * np.ones(10), -np.ones(9)], offsets=(-1, 0, 1))
    >>> systems = (LinearSystem(A, np.full(10, float(i))) for i in range(1, 4))
    >>> statistics, outcomes = solve_sequence(systems)
    >>> statistics.converged, round(float(outcomes[1].x.max()), 9)
    (3, 30.0)
    """
    _check(systems, rtol, method, order, chunk=chunk, threads=threads)
    if not (receive is None or callable(receive)):
        raise InputError(f"expected a function to receive outcomes, got {receive!r}")
    started, statistics, kept = time.perf_counter(), Statistics(), list[Outcome]()
    receive = receive or kept.append
    run = _Run(rtol, method, order, chunk, threads, warm_start, options)
    with _one_thread_each(), ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for window in _windows(systems, chunk * threads):
            for outcome in run.window(window, map if pool is None else pool.map):
                statistics.add(outcome)
                receive(outcome)
    statistics.wall_seconds = time.perf_counter() - started
    return statistics, kept


def solve_batch(
    systems: Sequence[Item], shape: tuple[int, ...], rtol: float = 1e-8, **options: Any
) -> Solution:
    """`solve_sequence` of a batch, as a `Solution` with fields (batch, *shape).

    shape: of one answer; options: as for `solve_sequence`. Systems without an answer have fields
    of zeros. Raises `InputError` as `solve_sequence`.
    """
    fields = np.zeros((len(systems), *shape))
    told: list[tuple[bool, int, float, float, str]] = []

    def receive(outcome: Outcome) -> None:
        if outcome.x is not None:
            fields[outcome.index] = outcome.x.reshape(shape)
        told.append(
            (outcome.converged, outcome.iterations, outcome.residual, outcome.seconds,
             outcome.reason)
        )  # fmt: skip

    solve_sequence(systems, rtol, receive=receive, **options)
    converged, iterations, residual, seconds, reason = zip(*told, strict=True) if told else [()] * 5
    return Solution(
        fields,
        np.array(converged, dtype=bool),
        np.array(iterations, dtype=np.int64),
        np.array(residual, dtype=np.float64),
        np.array(seconds, dtype=np.float64),
        tuple(reason),
    )


def _check(systems: Any, rtol: Any, method: Any, order: Any, **counts: Any) -> None:
    """The arguments of `solve_sequence`; counts are whole numbers of at least one."""
    if not isinstance(systems, Iterable):
        raise InputError(f"expected many LinearSystem, got {type(systems).__name__}; make a list")
    if not (isinstance(rtol, int | float | np.number) and 0 < rtol < 1):
        raise InputError(f"expected a tolerance between 0 and 1, got {rtol!r}")
    if order not in ("given", "sorted"):
        raise InputError(f"expected order 'given' or 'sorted', got {order!r}")
    for name, value in counts.items():
        check_count(name, value)
    check_method(method)


def _one_thread_each() -> AbstractContextManager[Any]:
    """BLAS on one thread: systems are small, and pools of several libraries stop each other."""
    return _blas().limit(limits=1)


@lru_cache(maxsize=1)
def _blas() -> Any:
    import scipy.linalg  # noqa: F401  its own BLAS, to be found below
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


Numbered = tuple[int, Item]


def _windows(systems: Iterable[Item], size: int) -> Iterator[list[Numbered]]:
    numbered = iter(enumerate(systems))
    while window := list(islice(numbered, size)):
        yield window


@dataclass
class _Run:
    """The options of one call, and the methods that wait for the next part of the sequence."""

    rtol: float
    method: str
    order: str
    chunk: int
    threads: int
    warm_start: bool
    options: dict[str, Any]
    idle: list[dict[str, SequenceMethod]] = field(default_factory=list)

    def window(self, window: list[Numbered], apply: Callable[..., Any]) -> Iterator[Outcome]:
        """Outcomes of some chunks, in the order of their systems."""
        parts = [window[i : i + self.chunk] for i in range(0, len(window), self.chunk)]
        if self.order == "sorted":
            parts = [_sorted(part) for part in parts]
        if not self.carries and self.threads > 1:
            everything = [item for part in parts for item in part]
            size = -(-len(everything) // self.threads)
            parts = [everything[i : i + size] for i in range(0, len(everything), size)]
        outcomes = [outcome for part in apply(self.part, parts) for outcome in part]
        yield from sorted(outcomes, key=lambda outcome: outcome.index)

    @property
    def carries(self) -> bool:
        """Whether an answer depends on the systems before it."""
        return self.warm_start or carries(self.method)

    def part(self, items: Sequence[Numbered]) -> list[Outcome]:
        """Solve one after the other; what answers depend on is carried no further."""
        methods = self.idle.pop() if self.idle and not self.carries else {}
        outcomes: list[Outcome] = []
        before: np.ndarray | None = None
        for index, item in items:
            outcome = self.one(index, item, methods, before)
            if self.warm_start and outcome.converged:
                before = outcome.x
            outcomes.append(outcome)
        if not self.carries:
            self.idle.append(methods)
        return outcomes

    def one(
        self,
        index: int,
        item: Item,
        methods: dict[str, SequenceMethod],
        before: np.ndarray | None,
    ) -> Outcome:
        start, name = time.perf_counter(), self.method
        x, iterations, residual = None, 0, np.nan
        try:
            system = _build(item)
        except FAILURES as problem:
            reason = f"breakdown: {problem}"
        else:
            name = method_for(self.method, system.A)
            solver = self.solver(name, system.A, methods)
            try:
                b = read_source(system.b)
                result = self.solve(solver, system.A, b, before)
                x, iterations, reason = result.x, result.iterations, result.reason
                residual = true_residual(system.A, x, b)
            except FAILURES as problem:
                reason = f"breakdown: {problem}"
        converged = bool(residual <= self.rtol)
        if converged and not reason.startswith(CONVERGED):
            reason = CONVERGED
        elif not np.isfinite(residual) and not reason.startswith("breakdown"):
            reason = f"breakdown: the answer of {name} is not finite"
        elif not converged and reason.startswith(CONVERGED):
            reason = f"{STAGNATED}: {name} believed in a residual that is {residual:.1e}"
        seconds = time.perf_counter() - start
        return Outcome(index, x, converged, iterations, residual, seconds, reason, name)

    def solve(
        self, solver: SequenceMethod, A: Any, b: np.ndarray, before: np.ndarray | None
    ) -> KrylovResult:
        """Solve, with b brought to a size that no method has trouble with."""
        scale = scale_of(b)
        if scale == 1:
            x0 = before if before is not None and before.shape == b.shape else None
            return solver.solve(A, b, self.rtol, x0=x0)
        result = solver.solve(A, scale * b, self.rtol)
        with np.errstate(over="ignore", under="ignore"):
            return dataclasses.replace(result, x=result.x / scale)

    def solver(self, name: str, A: Any, methods: dict[str, SequenceMethod]) -> SequenceMethod:
        """The method's object for A's kind, made once."""
        key = f"{name} {getattr(A, 'kind', '')}"
        if key not in methods:
            methods[key] = make_method(name, A, self.options)
        return methods[key]


def _build(item: Item) -> LinearSystem:
    system = item() if callable(item) else item
    if not isinstance(system, LinearSystem):
        raise InputError(
            f"expected a LinearSystem or a function that gives one, got {type(system).__name__}"
        )
    return system


def _sorted(items: Sequence[Numbered]) -> list[Numbered]:
    """Along a chain of nearest neighbours; systems that cannot be built come last."""
    built: list[tuple[int, LinearSystem]] = []
    rest: list[Numbered] = []
    for index, item in items:
        try:
            built.append((index, _build(item)))
        except FAILURES:
            rest.append((index, item))
    if not built:
        return rest
    rows = [_features(system) for _, system in built]
    if len({row.size for row in rows}) > 1:
        raise InputError("expected parameters of one size, to sort by; or take order 'given'")
    return [built[i] for i in greedy_order(np.stack(rows))] + rest


def _features(system: LinearSystem) -> np.ndarray:
    if system.parameters is None:
        raise InputError("expected systems with parameters, to sort by; or take order 'given'")
    row = np.asarray(system.parameters).reshape(-1)
    if row.dtype.kind not in "biuf":
        raise InputError(f"expected parameters of real numbers, to sort by, got {row.dtype}")
    return np.nan_to_num(row.astype(np.float64), posinf=0.0, neginf=0.0)
