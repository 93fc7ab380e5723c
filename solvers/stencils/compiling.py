"""Says once that compiling takes a moment."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from numba.core import event

logger = logging.getLogger(__name__)


class _Announcer(event.Listener):
    told = False

    def on_start(self, event: event.Event) -> None:
        if not _Announcer.told:
            _Announcer.told = True
            logger.info("compiling kernels; later runs start from the cache")

    def on_end(self, event: event.Event) -> None:
        pass


@contextmanager
def compiling_is_told() -> Iterator[None]:
    """Log one line (level INFO, once a process) if anything is compiled inside.

    Reading compiled code from the cache on disk is not compiling.
    """
    with event.install_listener("numba:compile", _Announcer()):
        yield
