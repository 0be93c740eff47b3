"""The theme list: what each theme is called and what it means."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w

_FIELDS = {"id", "label", "english", "definition", "media_topic"}


class ThemeFileError(ValueError):
    """A theme file does not say what it must; the message names the file, the theme and the field."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme.

    Attributes:
        id: Stable identifier, ASCII, used in requests and answers.
        label: What editors call it.
        english: The same for engineers.
        definition: When a paragraph is given it, in a sentence or two.
        media_topic: IPTC Media Topic id (``medtop:…``) nearest in meaning, or "" where none fits.
    """

    id: str
    label: str
    english: str
    definition: str
    media_topic: str = ""


def parse_themes(text: str, where: str = "themes.toml") -> tuple[Theme, ...]:
    """Read a theme list from TOML.

    Raises:
        ThemeFileError: If it is no TOML, has no theme, or a theme lacks a field, has an unknown one, or repeats an id or label.
    """
    try:
        tables: Any = tomllib.loads(text).get("theme", [])
    except tomllib.TOMLDecodeError as error:
        raise ThemeFileError(f"{where}: not TOML: {error}") from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ThemeFileError(f"{where}: expected [[theme]] tables, got theme = {tables!r}")
    if not tables:
        raise ThemeFileError(f"{where}: expected at least one [[theme]], got none")
    themes = tuple(_theme(table, f"{where}: theme {number}") for number, table in enumerate(tables, 1))
    for name in ("id", "label"):
        values = [getattr(theme, name) for theme in themes]
        if repeated := sorted({value for value in values if values.count(value) > 1}):
            raise ThemeFileError(f"{where}: {name} used twice: {', '.join(repeated)}")
    return themes


def _theme(table: dict[str, Any], where: str) -> Theme:
    if unknown := sorted(table.keys() - _FIELDS):
        raise ThemeFileError(f"{where}: unknown field {unknown[0]!r}; expected {', '.join(sorted(_FIELDS))}")
    for name in ("id", "label", "english", "definition"):
        if not isinstance(table.get(name), str) or not table[name].strip():
            raise ThemeFileError(f"{where}: field {name!r} must be a text, got {table.get(name)!r}")
    if not isinstance(table.get("media_topic", ""), str):
        raise ThemeFileError(f"{where}: field 'media_topic' must be a text, got {table['media_topic']!r}")
    return Theme(**table)


def read_themes(path: Path | None = None) -> tuple[Theme, ...]:
    """Read the theme list at ``path``, or the project's own."""
    if path is None:
        return parse_themes(resources.files("data").joinpath("themes.toml").read_text(encoding="utf-8"))
    return parse_themes(path.read_text(encoding="utf-8"), str(path))


def themes_to_toml(themes: tuple[Theme, ...]) -> str:
    """Write a theme list in the form that :func:`parse_themes` reads."""
    fields = ("id", "label", "english", "definition", "media_topic")
    tables = [{name: getattr(theme, name) for name in fields if getattr(theme, name)} for theme in themes]
    return tomli_w.dumps({"theme": tables})
