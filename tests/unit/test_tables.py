"""A key of a TOML file is found where it is written, in whatever way."""

from __future__ import annotations

import time

import pytest

from registry.errors import SettingsError
from registry.settings import parse_settings
from registry.tables import key_place, syntax_place

TEXT = """\
# pins = "off", sources
[project]
name = "pins"
sources = [
  "pins",
]

[tool.registry]
models = "models"  # severity

[tool.registry.policy]
sources = [
  "https://example.com/pins",
]
  pins = "off"
docker_registries = {TEAM = "a.example.com", "OTHER.ONE" = "b.example.com"}

[tool.registry.severity]
tag-x = "off"
tag = "notice"
"""


@pytest.mark.parametrize(
    ("keys", "line", "column"),
    [
        ("policy pins", 15, 3),
        ("policy sources", 12, 1),
        ("policy docker_registries", 16, 1),
        ("policy docker_registries TEAM", 16, 22),
        ("policy docker_registries OTHER.ONE", 16, 47),
        ("policy docker_registries GONE", 16, 1),
        ("policy sas_hours", 11, 16),
        ("policy", 11, 16),
        ("severity tag", 20, 1),
        ("severity tag-x", 19, 1),
        ("severity wrong-value", 18, 16),
        ("models", 9, 1),
        ("endpoint", 8, 7),
        ("", 8, 7),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_key_is_found_or_the_nearest_table_above_it(keys: str, line: int, column: int, ends: str) -> None:
    whole = ("tool", "registry", *keys.split())
    place = key_place("pyproject.toml", TEXT.replace("\n", ends), whole)
    assert (place.line, place.column, place.field) == (line, column, ".".join(whole))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[tool]\nregistry.policy.pins = 'off'\n", 2, 17),
        ("[tool]\nregistry = {models = 'm', policy = {sas_hours = 2, pins = 'off'}}\n", 2, 52),
        ("tool.registry.policy.pins = 'off'", 1, 22),
        ('a = """\npins = 1\n"""\n[tool.registry]\n[tool.registry.policy]\n"pins" = "off"\n', 6, 2),
        ("[tool.other]\npins = 1\n", 1, 2),
        ("", 1, 1),
        ("[", 1, 1),
    ],
)
def test_each_way_to_write_a_key_is_understood(text: str, line: int, column: int) -> None:
    place = key_place("pyproject.toml", text, ("tool", "registry", "policy", "pins"))
    assert (place.line, place.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "column"), [("a = 1\nb = \n", 2, 5), ("a = 1\na = 2\n", 2, 6), ("a = [", 1, 1)]
)
def test_the_place_of_what_is_no_toml_is_where_it_stops(text: str, line: int, column: int) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(text, {})
    place = syntax_place("pyproject.toml", str(error.value))
    assert (place.line, place.column) == (line, column)


def test_a_look_for_a_key_ends_in_time_whatever_a_file_is_made_for() -> None:
    text = "# pins\n" * 40_000 + "[tool.registry.policy]\npins = 'off'\n"
    before = time.process_time()
    assert key_place("pyproject.toml", text, ("tool", "registry", "policy", "pins")).line == 1
    assert time.process_time() - before < 60
