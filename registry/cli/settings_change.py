"""What a change does to the settings: whether they can be read after it, and what they allow more."""

from __future__ import annotations

from functools import partial

from registry.checks.settings import check_settings
from registry.cli.context import SETTINGS_FILE, settings_text
from registry.errors import SettingsError
from registry.finding import Finding, Place
from registry.repository import Repository
from registry.settings import is_set, parse_settings, written
from registry.tables import key_place, syntax_place


def check_settings_change(repository: Repository, base: str, head: str | None) -> list[Finding]:
    """The settings that would hold after the merge: they can be read, and what they change is looked at."""

    before, after = settings_text(repository, base), settings_text(repository, head)
    findings = []
    if not is_set(before):
        message = f"the base has no `[tool.registry]` in `{SETTINGS_FILE}`, so the defaults hold"
        findings.append(Place(SETTINGS_FILE).finding("settings-absent", f"{message}. Add it, even an empty one"))
    try:
        old, new = (written(parse_settings(text, {}, source=SETTINGS_FILE)) for text in (before, after))
    except SettingsError as error:
        keys, text = error.keys, after or ""
        place = key_place(SETTINGS_FILE, text, keys) if keys else syntax_place(SETTINGS_FILE, str(error))
        advice = error.hint or "correct it: with these settings nothing is registered after the merge"
        return [*findings, place.finding("settings-invalid", f"{error}. Next: {advice}")]
    places = partial(key_place, SETTINGS_FILE, after or "")
    return [*findings, *check_settings(old, new, lambda keys: places(("tool", "registry", *keys)))]
