from __future__ import annotations

import pytest

from registry.errors import SettingsError
from registry.policy import Policy
from registry.rules import RULES
from registry.settings import Credentials, Settings, parse_settings

EVERYTHING = """
[tool.registry]
models = "data/models"
storage = "https://account.blob.core.windows.net/models"
endpoint = "https://registry.example.com/"

[tool.registry.policy]
pins = "warn"
sources = ["https://account.blob.core.windows.net/uploads/", "https://example.com"]
docker_registries = {TEAM = "registry.example.com"}
allow_loopback = true
sas_hours = 168
public_reads = true

[tool.registry.severity]
language-alias = "error"
license-unknown = "off"
"""


def refusal(text: str) -> SettingsError:
    """Why these settings are refused."""
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, {})
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("text", [None, "", "[tool.other]\nx = 1\n", "[tool.registry]\n", "[project]\nname = 'x'\n"])
def test_without_settings_there_are_the_defaults(text: str | None) -> None:
    assert parse_settings(text, {}) == Settings()
    assert Settings() == Settings("models", ".registry/storage", "", Policy(), Credentials(), "")
    assert Policy() == Policy("required", (), {}, False, 24, False, {})


def test_every_key_is_read() -> None:
    assert parse_settings(EVERYTHING, {}) == Settings(
        models="data/models",
        storage="https://account.blob.core.windows.net/models",
        endpoint="https://registry.example.com",
        policy=Policy(
            pins="warn",
            sources=("https://account.blob.core.windows.net/uploads/", "https://example.com"),
            docker_registries={"TEAM": "registry.example.com"},
            allow_loopback=True,
            sas_hours=168,
            public_reads=True,
            severity={"language-alias": "error", "license-unknown": "off"},
        ),
    )


def test_every_field_of_the_policy_is_a_key() -> None:
    for key in Policy.__dataclass_fields__:
        assert f"\n{key} = " in EVERYTHING or f"[tool.registry.{key}]" in EVERYTHING


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[tool.registry]\nmodel = 'x'", "[tool.registry] has no key `model`", "did you mean `models`?"),
        ("[tool.registry]\nendpiont = ''", "has no key `endpiont`", "did you mean `endpoint`?"),
        ("[tool.registry]\nx = 1", "has no key `x`", "known keys: models, storage, endpoint, policy, severity"),
        ("[tool.registry]\ntoken = 'secret'", "has no key `token`", "known keys"),
        ("[tool.registry.policy]\npin = 'off'", "[tool.registry.policy] has no key `pin`", "did you mean `pins`?"),
        ("[tool.registry.policy]\nseverity = {}", "has no key `severity`", "known keys"),
        (
            "[tool.registry.severity]\ntag-s = 'off'",
            "[tool.registry.severity] has no key `tag-s`",
            "did you mean `tag`?",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(text: str, said: str, hint: str) -> None:
    error = refusal(text)
    assert said in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "[tool.registry]\nmodels = 5",
        "[tool.registry]\nstorage = ['x']",
        "[tool.registry]\nendpoint = false",
        "[tool.registry]\npolicy = 'strict'",
        "[tool]\nregistry = 'x'",
        "[tool.registry.policy]\npins = true",
        "[tool.registry.policy]\npins = 'none'",
        "[tool.registry.policy]\nsources = 'https://example.com'",
        "[tool.registry.policy]\nsources = [1]",
        "[tool.registry.policy]\nsources = ['example.com']",
        "[tool.registry.policy]\nsources = ['https://example.com/?sig=x']",
        "[tool.registry.policy]\nsources = ['https://user@example.com/']",
        "[tool.registry.policy]\nsources = ['https://[']",
        "[tool.registry.policy]\nsources = ['https://example.com:x/']",
        "[tool.registry.policy]\nsources = ['ftp://example.com/']",
        "[tool.registry.policy]\ndocker_registries = ['x']",
        "[tool.registry.policy]\ndocker_registries = {TEAM = 1}",
        "[tool.registry.policy]\nallow_loopback = 'yes'",
        "[tool.registry.policy]\nsas_hours = '24'",
        "[tool.registry.policy]\nsas_hours = true",
        "[tool.registry.policy]\nsas_hours = 24.5",
        "[tool.registry.policy]\nsas_hours = 0",
        "[tool.registry.policy]\nsas_hours = 169",
        "[tool.registry.policy]\npublic_reads = 1",
        "[tool.registry.severity]\ntag = 'fatal'",
        "[tool.registry.severity]\ntag = 1",
        "[tool.registry]\nseverity = []",
        "[tool.registry]\nmodels = '../models'",
        "[tool.registry]\nmodels = '/models'",
        "[tool.registry]\nmodels = ''",
        "[tool.registry]\nmodels = 'a//b'",
        "[tool.registry]\nmodels = '.'",
        "tool = 'x'\n[tool.registry]",
        "[tool.registry",
        "\ufeff[tool.registry]",
        "# \udce9\n[tool.registry]",
    ],
)
def test_a_wrong_value_is_refused_in_words(text: str) -> None:
    error = refusal(text)
    assert str(error).startswith(("[tool.registry", "pyproject.toml"))


def test_every_rule_can_be_weighed() -> None:
    severities = "\n".join(f'{rule} = "notice"' for rule in RULES)
    assert dict(parse_settings(f"[tool.registry.severity]\n{severities}", {}).policy.severity) == dict.fromkeys(
        RULES, "notice"
    )


def test_the_environment_comes_before_the_file() -> None:
    environment = {
        "REGISTRY_STORAGE": "elsewhere",
        "REGISTRY_ENDPOINT": "https://other.example.com/",
        "REGISTRY_DATABASE": "sqlite:////var/registry.db",
    }
    settings = parse_settings(EVERYTHING, environment)
    assert (settings.storage, settings.endpoint) == ("elsewhere", "https://other.example.com")
    assert settings.database == "sqlite:////var/registry.db"
    unset = parse_settings(EVERYTHING, dict.fromkeys(environment, ""))
    assert unset == parse_settings(EVERYTHING, {})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/registry.db",
        "sqlite:///registry.db",
        "postgresql://user:pass@db.example.com:5432/registry?sslmode=require",
        "postgresql:///registry?host=/run/postgresql",
    ],
)
def test_records_live_in_sqlite_or_postgresql(url: str) -> None:
    assert parse_settings(None, {"REGISTRY_DATABASE": url}).database == url


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite://",
        "sqlite:///",
        "mysql://user:s3cret@host/registry",
        "postgres://user:s3cret@host/registry",
        "postgresql+psycopg://user:s3cret@host/registry",
        "postgresql://user:s3cret@host",
        "postgresql://user:s3cret@host/",
        "postgresql://user:s3cret@host:port/registry",
        "postgresql://user:s3cret@host/registry\n",
        "postgresql://user:s3cret@[::1/registry",
    ],
)
def test_another_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="REGISTRY_DATABASE is not the URL of") as caught:
        parse_settings(None, {"REGISTRY_DATABASE": url})
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_credentials_come_from_the_environment() -> None:
    environment = {
        "REGISTRY_TOKEN": "t0ken",
        "AZURE_STORAGE_KEY": "k3y",
        "AZURE_STORAGE_SAS_TOKEN": "s4s",
        "REGISTRY_SOURCE_SAS_ACCOUNT": "?sv=1&sig=abc",
        "REGISTRY_DOCKER_PASSWORD_TEAM_A": "hunter2",
        "REGISTRY_SOURCE_SAS_EMPTY": "",
        "REGISTRY_SOURCE_SAS_lower": "ignored",
        "OTHER": "ignored",
    }
    assert parse_settings(None, environment).credentials == Credentials(
        token="t0ken",
        storage_key="k3y",
        storage_sas="s4s",
        source_sas={"account": "sv=1&sig=abc"},
        docker_passwords={"TEAM_A": "hunter2"},
    )


def test_no_credential_is_ever_shown() -> None:
    secrets = {
        "REGISTRY_TOKEN": "secret-1",
        "AZURE_STORAGE_KEY": "secret-2",
        "AZURE_STORAGE_SAS_TOKEN": "secret-3",
        "REGISTRY_SOURCE_SAS_ACCOUNT": "secret-4",
        "REGISTRY_DOCKER_PASSWORD_TEAM": "secret-5",
        "REGISTRY_DATABASE": "sqlite:////secret-6/registry.db",
    }
    settings = parse_settings(EVERYTHING, secrets)
    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)
    assert "secret" not in f"{settings.credentials!r}"
