"""Checks shared by the configurations of this floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from ..geometry.errors import InputError

T = TypeVar("T")


def require(condition: bool, expected: str, got: object) -> None:
    """Raise `InputError("expected ..., got ...")` unless the condition holds."""
    if not condition:
        raise InputError(f"expected {expected}, got {got!r}; change the configuration")
