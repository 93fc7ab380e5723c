"""Checks and conversions shared by the configurations of this floor."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from ..geometry.errors import InputError

T = TypeVar("T")


def require(condition: bool, expected: str, got: object) -> None:
    """Raise `InputError("expected ..., got ...")` unless the condition holds."""
    if not condition:
        raise InputError(f"expected {expected}, got {got!r}; change the configuration")


def make_config(cls: type[T], given: Mapping[str, Any] | object | None) -> T:
    """A configuration from an object of its class, a mapping (as JSON gives it), or None.

    Raises `InputError` for an unknown key and for an object of another class.
    """
    if given is None:
        return cls()
    if isinstance(given, cls):
        return given
    if not isinstance(given, Mapping):
        raise InputError(f"expected options as {cls.__name__} or a mapping, got {given!r}")
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise InputError(f"unknown option '{key}', expected one of {', '.join(known)}")
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return cls(**plain)


def plain_config(config: Any) -> dict[str, Any]:
    """A configuration as JSON gives it back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in config.__dict__.items()}
