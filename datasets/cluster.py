"""Tasks on Dask workers: a local cluster, or any other by the address of its scheduler."""

from __future__ import annotations

import logging
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from ..geometry.errors import InputError

Result = TypeVar("Result")
CONNECT_SECONDS = 10
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), 1
)


def run(
    function: Callable[..., Result],
    shared: tuple[Any, ...],
    tasks: Sequence[tuple[int, Any]],
    workers: int,
    scheduler: str | None = None,
) -> Generator[tuple[int, Result], None, None]:
    """Yield (number, function(*shared, argument)) for each task (number, argument), as they finish.

    Only a few tasks more than there are workers are handed out at a time, so that results do not
    pile up. Raises InputError where a scheduler does not answer or workers die, and whatever the
    function raises.
    """
    import cloudpickle
    from distributed import KilledWorker, as_completed
    from distributed.client import FutureCancelledError

    payload = cloudpickle.dumps((function, shared))
    with _client(min(workers, len(tasks)), scheduler) as client:
        completed = as_completed(loop=client.loop)
        waiting = deque(tasks)
        running: dict[Any, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2 * max(1, sum(client.nthreads().values())):
                    number, argument = waiting.popleft()
                    # Impure: a repeated call must not be answered from another run's result.
                    future = client.submit(call, payload, argument, pure=False)
                    running[future] = number
                    completed.add(future)
                future = next(completed)
                yield running.pop(future), future.result()
        except KilledWorker:
            raise InputError(
                "a worker process died again and again, most likely for want of memory; "
                "use fewer workers or smaller chunks and run again to go on"
            ) from None
        except FutureCancelledError:
            raise InputError("lost the scheduler; run again to go on") from None


def call(payload: bytes, argument: Any) -> Any:
    """The task of a worker: what `run` was given, unpacked here and not by Dask.

    Where Dask itself cannot unpack a message, because a problem's module is not installed on the
    worker, the worker loses its connection and everybody waits forever.
    """
    try:
        function, shared = pickle.loads(payload)
    except (ImportError, AttributeError) as problem:
        raise InputError(
            f"the workers cannot import the problem ({problem}); install its package there, or "
            "use one worker and no scheduler"
        ) from None
    return function(*shared, argument)


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    """A client of a local cluster or of `scheduler`, closed with all that was started for it."""
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(_silence())
        settings = {
            "distributed.nanny.pre-spawn-environ": ONE_THREAD,
            "distributed.worker.preload": [__name__],
        }
        stack.enter_context(dask.config.set(settings))
        address: Any = scheduler
        if scheduler is None:
            address = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
            )
        try:
            client = stack.enter_context(
                Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
            )
            client.wait_for_workers(1, timeout=6 * CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as problem:
            what = f"scheduler {scheduler}" if scheduler else "local cluster"
            raise InputError(
                f"the {what} does not answer or has no workers; give its address as tcp://host:port"
            ) from problem
        yield client


def dask_setup(worker: Any) -> None:
    """Called by Dask in each local worker: Ctrl-C is for the parent, which then closes them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _silence() -> Iterator[None]:
    """No log lines of Dask's own: what matters comes back as an exception."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
