"""`[tool.registry]` in pyproject.toml and the environment: read here alone, and handed down as values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from registry.errors import SettingsError
from registry.finding import Severity
from registry.policy import Policy
from registry.rules import RULES

_MAX_CHARACTERS = 256 * 1024
_MAX_DOTS = 1000  # of a line: a key of many parts is read in quadratic time
_SAS = re.compile(r"REGISTRY_SOURCE_SAS_([A-Z0-9]+)")
_PASSWORD = re.compile(r"REGISTRY_DOCKER_PASSWORD_([A-Z0-9_]+)")


@dataclass(frozen=True)
class Federation:
    """Where a job in GitHub Actions gets the proof of who it is, and whose tokens Entra ID gives for it."""

    tenant: str
    client: str
    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Credentials:
    """What the environment holds and no output may show."""

    token: str | None = field(default=None, repr=False)  # of the endpoint
    tokens: str = field(default="", repr=False)  # what an endpoint keeps of those that it takes: digests
    tokens_file: str = ""  # path of a file with the same
    storage_key: str | None = field(default=None, repr=False)
    storage_sas: str | None = field(default=None, repr=False)
    federation: Federation | None = None
    source_sas: Mapping[str, str] = field(default_factory=dict, repr=False)  # account in lower case → SAS without `?`
    docker_passwords: Mapping[str, str] = field(default_factory=dict, repr=False)  # TEAM → password


@dataclass(frozen=True)
class Settings:
    """Every setting with its default."""

    models: str = "models"
    storage: str = ".registry/storage"
    endpoint: str = ""  # empty: the embedded one
    policy: Policy = field(default_factory=Policy)
    credentials: Credentials = field(default_factory=Credentials)
    database: str = field(default="", repr=False)  # URL, may hold a password; empty: SQLite at .registry/registry.db


def parse_settings(
    pyproject: str | None, environment: Mapping[str, str], *, source: str = "pyproject.toml"
) -> Settings:
    """The settings of a pyproject.toml (None: there is none) and an environment; raises SettingsError."""
    table = _table(pyproject, source)
    _check_keys(table, "tool.registry", ("models", "storage", "endpoint", "policy", "severity"))
    policy = parse_policy(table)
    return Settings(
        models=_models(table),
        storage=environment.get("REGISTRY_STORAGE") or _get(table, "storage", str, Settings.storage),
        endpoint=_endpoint(environment.get("REGISTRY_ENDPOINT") or _get(table, "endpoint", str, "")),
        policy=policy,
        credentials=_credentials(environment),
        database=_database(environment.get("REGISTRY_DATABASE", "")),
    )


def is_set(pyproject: str | None) -> bool:
    """Whether a pyproject.toml that can be read has the table `[tool.registry]`."""
    tool = tomllib.loads(pyproject or "").get("tool")
    return isinstance(tool, dict) and "registry" in tool


def written(settings: Settings) -> Mapping[tuple[str, ...], Any]:
    """Each setting that can be written down, with its default, by its keys below `[tool.registry]`."""
    values: dict[tuple[str, ...], Any] = {(key,): getattr(settings, key) for key in ("models", "storage", "endpoint")}
    for key, value in vars(settings.policy).items():
        above = (key,) if key == "severity" else ("policy", key)
        values |= (
            {(*above, name): choice for name, choice in value.items()} if isinstance(value, dict) else {above: value}
        )
    return values


def parse_policy(table: Mapping[str, Any]) -> Policy:
    """The policy in a `[tool.registry]` table; raises SettingsError."""
    policy = _get(table, "policy", dict, {})
    where = "tool.registry.policy"
    _check_keys(policy, where, [name for name in Policy.__dataclass_fields__ if name != "severity"])
    pins = _get(policy, "pins", str, "required", where)
    if pins not in ("required", "warn", "off"):
        raise SettingsError(
            f'[{where}] pins = "{pins}" is not one of "required", "warn", "off"', keys=_keys(where, "pins")
        )
    return Policy(
        pins=pins,
        sources=_sources(_get(policy, "sources", list, [], where)),
        docker_registries=_strings(_get(policy, "docker_registries", dict, {}, where), f"{where}.docker_registries"),
        allow_loopback=_get(policy, "allow_loopback", bool, False, where),
        sas_hours=_sas_hours(_get(policy, "sas_hours", int, 24, where)),
        public_reads=_get(policy, "public_reads", bool, False, where),
        severity=_severities(_get(table, "severity", dict, {})),
    )


def _table(pyproject: str | None, source: str) -> dict[str, Any]:
    text, hint = pyproject or "", "correct the file; git shows what changed"
    if len(text) > _MAX_CHARACTERS:
        raise SettingsError(f"{source} has {len(text):,} characters; at most {_MAX_CHARACTERS:,} are read", hint=hint)
    if any(line.count(".") > _MAX_DOTS for line in text.splitlines()):
        raise SettingsError(f"{source} has a line with more than {_MAX_DOTS:,} dots", hint=hint)
    try:
        document = tomllib.loads(text)
        text.encode()
    except RecursionError as error:
        raise SettingsError(f"{source} nests too deep", hint=hint) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not TOML: {error}", hint=hint) from error
    except UnicodeEncodeError as error:
        raise SettingsError(f"{source} is not UTF-8", hint=hint) from error
    except ValueError as error:
        raise SettingsError(f"{source} holds a number that is too long", hint=hint) from error
    tool = document.get("tool", {})
    table = tool.get("registry", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{source}: [tool.registry] is not a table")
    return table


def _keys(where: str, key: str) -> tuple[str, ...]:
    """The keys that lead to a setting."""
    return (*where.split("."), key)


def _check_keys(table: Mapping[str, Any], where: str, known: Any) -> None:
    for key in table:
        if key not in known:
            from difflib import get_close_matches

            near = get_close_matches(key, list(known), 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
            raise SettingsError(f"[{where}] has no key `{key}`", hint=hint, keys=_keys(where, key))


def _get(table: Mapping[str, Any], key: str, kind: type, default: Any, where: str = "tool.registry") -> Any:
    value = table.get(key, default)
    if type(value) is not kind:
        message = f"[{where}] {key} is {type(value).__name__}, not {kind.__name__}"
        raise SettingsError(message, hint=f"for example: {key} = {default!r}", keys=_keys(where, key))
    return value


def _models(table: Mapping[str, Any]) -> str:
    models: str = _get(table, "models", str, Settings.models)
    if not re.fullmatch(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", models) or {".", ".."} & set(models.split("/")):
        message = f'[tool.registry] models = "{models}" is not a folder of the repository'
        raise SettingsError(message, keys=_keys("tool.registry", "models"))
    return models


def _sources(prefixes: list[Any]) -> tuple[str, ...]:
    for prefix in prefixes:
        if not isinstance(prefix, str) or not _is_prefix(prefix):
            hint = 'for example: sources = ["https://account.blob.core.windows.net/uploads/"]'
            message = f"[tool.registry.policy] sources: {prefix!r} is not a URL prefix"
            raise SettingsError(message, hint=hint, keys=_keys("tool.registry.policy", "sources"))
    return tuple(prefixes)


def _is_prefix(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and has_host and not re.search(r"[?#@\s]", url)


def _endpoint(url: str) -> str:
    """The URL of an endpoint, which carries no credentials: it stands in state, errors and bodies."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_plain = False
    if not is_plain or "@" in url or "?" in url or "#" in url or not url.isprintable() or " " in url:
        hint = 'such as "https://registry.example.com"; the token goes into REGISTRY_TOKEN'
        message = "`endpoint` or REGISTRY_ENDPOINT is not a plain http(s) URL"
        raise SettingsError(message, hint=hint, keys=_keys("tool.registry", "endpoint"))
    return url.rstrip("/")


def _database(url: str) -> str:
    if url and not (_is_file(url) or _is_server(url)):
        hint = "such as sqlite:////absolute/path/registry.db or postgresql://user:password@host/database"
        raise SettingsError("REGISTRY_DATABASE is not the URL of a SQLite or PostgreSQL database", hint=hint)
    return url


def _is_file(url: str) -> bool:
    return url.startswith("sqlite:///") and len(url) > len("sqlite:///") and url.isprintable()


def _is_server(url: str) -> bool:
    """Whether a URL names a database of a PostgreSQL, at a host or behind a socket (`?host=/run/postgresql`)."""
    try:
        parts = urlsplit(url)
        is_whole = len(parts.path) > 1 and parts.port != 0
    except ValueError:
        return False
    return parts.scheme == "postgresql" and is_whole and not parts.fragment and url.isprintable() and " " not in url


def _token(token: str | None) -> str | None:
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError(
            "REGISTRY_TOKEN holds characters that a header cannot carry", hint="set it again, without a line feed"
        )
    return token or None


def _sas_hours(hours: int) -> int:
    if not 1 <= hours <= 24 * 7:  # a user delegation SAS lives seven days at most
        message = f"[tool.registry.policy] sas_hours = {hours} is not between 1 and 168"
        raise SettingsError(message, keys=_keys("tool.registry.policy", "sas_hours"))
    return hours


def _strings(table: Mapping[str, Any], where: str) -> Mapping[str, str]:
    return {key: _get(table, key, str, "", where) for key in table}


def _severities(table: Mapping[str, Any]) -> Mapping[str, str]:
    _check_keys(table, "tool.registry.severity", tuple(RULES))
    severities = _strings(table, "tool.registry.severity")
    for rule, severity in severities.items():
        if severity not in {*Severity, "off"}:
            message = f'[tool.registry.severity] {rule} = "{severity}" is not error, warning, notice or off'
            raise SettingsError(message, keys=_keys("tool.registry.severity", rule))
    return severities


def _credentials(environment: Mapping[str, str]) -> Credentials:
    matches = [(value, _SAS.fullmatch(key), _PASSWORD.fullmatch(key)) for key, value in environment.items() if value]
    return Credentials(
        token=_token(environment.get("REGISTRY_TOKEN")),
        tokens=environment.get("REGISTRY_TOKENS", ""),
        tokens_file=environment.get("REGISTRY_TOKENS_FILE", ""),
        storage_key=environment.get("AZURE_STORAGE_KEY") or None,
        storage_sas=environment.get("AZURE_STORAGE_SAS_TOKEN") or None,
        federation=_federation(environment),
        source_sas={sas.group(1).lower(): value.lstrip("?") for value, sas, _ in matches if sas},
        docker_passwords={team.group(1): value for value, _, team in matches if team},
    )


def _federation(environment: Mapping[str, str]) -> Federation | None:
    keys = (
        "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
    )  # fmt: skip
    tenant, client, url, token = (environment.get(key, "") for key in keys)
    return Federation(tenant, client, url, token) if tenant and client and url and token else None
