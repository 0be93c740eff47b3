"""What can be set about serving, read from the environment once, at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from model.bundle import BUNDLED
from model.errors import LanmuError
from model.session import RUNTIMES


class SettingError(LanmuError):
    """A setting does not say what it must; the message names it, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one request may hold. Over a limit is refused, never cut.

    Attributes:
        max_documents: Documents in one request.
        max_document_characters: Code points in one document, its paragraphs together.
        max_body_bytes: Bytes of one request's body.
    """

    max_documents: int = 256
    max_document_characters: int = 200_000
    max_body_bytes: int = 8 * 1024 * 1024


_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs. Each field is read from ``LANMU_<FIELD>``, in capitals.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.
        threads: Cores that inference uses; 0 for all that the process may.
        http_threads: Requests that are read and answered side by side.
        bundle: Folder of the bundle.
        runtime: Inference runtime, or "auto" for the fastest that runs here.
        max_documents: See :class:`Limits`, as the two that follow.
        max_document_characters: See :class:`Limits`.
        max_body_bytes: See :class:`Limits`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 0
    http_threads: int = 8
    bundle: Path = BUNDLED
    runtime: str = "auto"
    max_documents: int = _LIMITS.max_documents
    max_document_characters: int = _LIMITS.max_document_characters
    max_body_bytes: int = _LIMITS.max_body_bytes

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(f"{variable(name)}: expected a whole number from {low} to {high}, got {getattr(self, name)}")
        if self.runtime not in RUNTIME_NAMES:
            raise SettingError(f"{variable('runtime')}: expected one of {', '.join(RUNTIME_NAMES)}, got {self.runtime!r}")

    @property
    def limits(self) -> Limits:
        """The limits alone."""
        return Limits(self.max_documents, self.max_document_characters, self.max_body_bytes)


RUNTIME_NAMES = ("auto", *RUNTIMES)

_RANGES = {
    "port": (0, 65_535),
    "threads": (0, 1_024),
    "http_threads": (1, 1_024),
    "max_documents": (1, 1_000_000),
    "max_document_characters": (1, 1_000_000_000),
    "max_body_bytes": (1, 1 << 40),
}


def variable(name: str) -> str:
    """The environment variable that the field ``name`` is read from."""
    return f"LANMU_{name.upper()}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings; what the environment does not name, or leaves empty, keeps its default.

    Args:
        environment: Variables by name; the process's own where ``None``.

    Raises:
        SettingError: If a number is no whole number or out of range, or the runtime is unknown.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, str | int | Path] = {}
    for field in fields(Settings):
        if value := environment.get(variable(field.name), ""):
            values[field.name] = _parse(field.name, value)
    return Settings(**values)  # type: ignore[arg-type]  # _parse gives each field its own type


def override(settings: Settings, options: Mapping[str, str | int | None]) -> Settings:
    """``settings`` with the command line's options in place of the environment's, where they were given.

    Raises:
        SettingError: If a number is out of range, or the runtime is unknown.
    """
    given: dict[str, Any] = {name: Path(str(value)) if name == "bundle" else value for name, value in options.items() if value is not None}
    return replace(settings, **given)


def _parse(name: str, value: str) -> str | int | Path:
    if name == "bundle":
        return Path(value)
    if name not in _RANGES:
        return value
    try:
        return int(value)
    except ValueError:
        low, high = _RANGES[name]
        raise SettingError(f"{variable(name)}: expected a whole number from {low} to {high}, got {value!r}") from None
