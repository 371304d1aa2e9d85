"""A request's body: bytes → JSON → checked sections in their canonical form."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from registry.checks import form, licenses, references
from registry.descriptor import Descriptor
from registry.finding import Severity, weigh
from registry.identity import UNPRINTABLE, ModelId, name_problem, version_problem
from registry.nodes import Entry, Node
from registry.policy import Policy
from registry.server.problems import Detail, ProblemError, invalid, pointer
from registry.snapshot import Version
from registry.wire import ENVIRONMENTS, OWN_KEYS, SECTIONS, Json, canonical, without_query

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32  # deeper than any body of ours, and far from where Python's own recursion ends
_MAX_URL = 4096  # characters
_MAX_GENERATION = 2**63 - 1  # what a column holds
_NULL = re.compile("\0")  # the one character that some databases cannot hold
_HIDDEN = "hidden"  # stands for a password wherever the sections are looked at

# Those rules that look at the sections alone: a body has no folder, no local files and no sources in git.
_RULES = (
    form.check_types,
    form.check_targets,
    form.check_environments,
    form.check_uniqueness,
    form.check_languages,
    licenses.check_license,
    *(references.check_scripts, references.check_conda_files, references.check_pages, references.check_packages),
)


@dataclass(frozen=True)
class Body:
    """The body of a PUT, checked; nothing is known yet of the bytes behind the URLs."""

    sections: Json  # canonical, but for `model_files`, which is empty
    urls: Mapping[str, str]  # target → URL as sent
    provenance: Json
    passwords: Mapping[str, str]  # key of `model_config` → secret


def parse_json(raw: bytes) -> Any:
    """The JSON value; ProblemError 400 where it is none, holds NaN or half a character, or nests too deep."""
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped half of a surrogate pair is no text
    except UnicodeError as error:
        raise ProblemError(400, "the body is not UTF-8") from error
    except RecursionError as error:
        raise ProblemError(400, f"the body nests deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise ProblemError(400, f"the body is not JSON: {error}") from error
    if _is_deeper(value, MAX_DEPTH):
        raise ProblemError(400, f"the body nests deeper than {MAX_DEPTH} levels")
    return value


def parse_body(model: ModelId, raw: bytes, policy: Policy) -> Body:
    """The body of a PUT of this version; ProblemError 400, or 422 with everything that is wrong."""
    value = parse_json(raw)
    details = list(_check_identity(model))
    if not isinstance(value, dict):
        raise invalid([*details, {"pointer": "", "detail": "the body is a JSON object with the three sections"}])
    details += _understand(model, value)
    passwords = take_passwords(value)
    details += check_urls(value.get("model_files"))
    urls = {target: url for target, url in _mapping(value.get("model_files")).items() if isinstance(url, str)}
    details += to_targets(value, urls)
    sections, more = check_sections(value, policy)
    if sections is None or details or more:
        raise invalid([*details, *more])
    return Body({**sections, "model_files": {}}, urls, value.get("provenance", {}), passwords)


def check_sections(value: Json, policy: Policy) -> tuple[Json | None, list[Detail]]:
    """The canonical sections, defaults filled in, and all mistakes; packages are targets, of files the keys count."""
    provenance = value.get("provenance", {})
    details = [*_check_provenance(provenance), *_check_texts({key: value.get(key) for key in SECTIONS}, UNPRINTABLE)]
    whole: Json = {key: value[key] for key in SECTIONS if key in value}
    whole |= {key: _mapping(provenance)[key] for key in OWN_KEYS if key in _mapping(provenance)}
    if isinstance(whole.get("model_files"), dict):
        whole["model_files"] = dict.fromkeys(whole["model_files"], "./")
    descriptor, problems = _validate(whole)
    version = Version(ModelId("", ""), "", {}, _node(whole), descriptor, problems=problems)
    found = weigh([finding for rule in _RULES for finding in rule(version, policy)], dict(policy.severity))
    details += [_detail(whole, f) for f in found if f.severity is Severity.ERROR]
    sections = canonical(descriptor.model_dump(by_alias=True, mode="json")) if descriptor and not problems else None
    return sections and {key: sections[key] for key in SECTIONS}, details


def check_urls(files: Any) -> Iterator[Detail]:
    """Each value of `model_files` is a URL."""
    for target, url in _mapping(files).items():
        if not isinstance(url, str) or len(url) > _MAX_URL or not _is_url(url):
            yield {"pointer": pointer(("model_files", target)), "detail": "a URL belongs here", "rule": "wrong-value"}


def to_targets(value: Json, urls: Mapping[str, str]) -> Iterator[Detail]:
    """Put targets in the place of the URLs in `private_packages`; those that are no file's URL are mistakes."""
    packages = value.get("private_packages")
    if not isinstance(packages, list):
        return
    by_url = {without_query(url): target for target, url in urls.items() if _is_url(url)}
    value["private_packages"] = targets = []
    for index, package in enumerate(packages):
        target = by_url.get(without_query(package)) if isinstance(package, str) and _is_url(package) else None
        if target is None:
            detail = "a package is named by the URL that it has in `model_files`"
            yield {"pointer": pointer(("private_packages", index)), "detail": detail, "rule": "package-unknown"}
        else:
            targets.append(target)


def take_passwords(value: Json) -> dict[str, str]:
    """The passwords by key of `model_config`; where they stood stands nothing of them any more."""
    taken: dict[str, str] = {}
    for key in ENVIRONMENTS:
        credentials = _mapping(_mapping(_mapping(value.get("model_config")).get(key)).get("docker_registry"))
        if "password" in credentials:
            password = credentials["password"]
            is_text = isinstance(password, str) and 1 <= len(password) <= 512 and not _NULL.search(password)
            credentials["password"] = _HIDDEN if is_text else None
            taken |= {key: password} if is_text else {}
    return taken


def hide_passwords(sections: Json) -> None:
    """Stand-ins where stored sections have no password, so that they can be checked as a descriptor's."""
    for key in ENVIRONMENTS:
        credentials = _mapping(_mapping(_mapping(sections.get("model_config")).get(key)).get("docker_registry"))
        if credentials:
            credentials.setdefault("password", _HIDDEN)


def _check_identity(model: ModelId) -> Iterator[Detail]:
    if problem := name_problem(model.name):
        yield {"field": "name", "detail": f"a name {problem}", "rule": "invalid-name"}
    if problem := version_problem(model.version):
        yield {"field": "version", "detail": f"a version {problem}", "rule": "invalid-version"}


def _understand(model: ModelId, value: Json) -> Iterator[Detail]:
    """Read what a client wrote who knows only the first page of the documentation, which names all in one table."""
    metainfo, configuration = value.get("model_metainfo"), value.get("model_config")
    if not isinstance(metainfo, dict) or not isinstance(configuration, dict):
        return
    for key in ("type", "description"):
        if key in metainfo and configuration.setdefault(key, metainfo[key]) != metainfo.pop(key):
            yield _contradiction(key, f"`model_config.{key}`")
    for key, own in zip(("name", "version"), model, strict=True):
        if key in metainfo and metainfo.pop(key) != own:
            yield _contradiction(key, "the path of the request")
    for key in ("input_languages", "output_languages"):
        if isinstance(metainfo.get(key), list):
            metainfo[key] = list(_flat(metainfo[key]))


def _contradiction(key: str, other: str) -> Detail:
    detail = f"`{key}` is not what {other} says. Take it out here"
    return {"pointer": pointer(("model_metainfo", key)), "detail": detail, "rule": "misplaced-key"}


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def _check_texts(value: Any, unwanted: re.Pattern[str], keys: tuple[str | int, ...] = ()) -> Iterator[Detail]:
    """No text and no key holds what cannot be printed or stored."""
    if isinstance(value, str) and unwanted.search(value):
        detail = "the text holds a control or bidirectional character. Take it out"
        yield {"pointer": pointer(keys), "detail": detail, "rule": "control-character"}
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _check_texts(key, unwanted, (*keys, key))
        yield from _check_texts(item, unwanted, (*keys, key))


def _check_provenance(provenance: Any) -> Iterator[Detail]:
    if not isinstance(provenance, dict):
        yield {"pointer": "/provenance", "detail": "`provenance` is an object", "rule": "wrong-type"}
        return
    yield from _check_texts(provenance, _NULL, ("provenance",))
    generation = provenance.get("generation")
    if generation is not None and not (type(generation) is int and 0 <= generation <= _MAX_GENERATION):
        yield {"pointer": "/provenance/generation", "detail": "a generation is a whole number", "rule": "wrong-type"}
    if _mapping(provenance.get("lifecycle")).get("state") == "removed":
        detail = "a version is removed by DELETE, after it was withdrawn"
        yield {"pointer": "/provenance/lifecycle/state", "detail": detail, "rule": "wrong-value"}


def _validate(value: Json) -> tuple[Descriptor | None, tuple[Mapping[str, Any], ...]]:
    """The descriptor, or what is left of it without the mistakes in optional parts, so that they hide no others."""
    try:
        return Descriptor.model_validate(value), ()
    except ValidationError as error:
        problems = error.errors(include_url=False)
    rest = json.loads(json.dumps(value))
    for problem in reversed(problems):
        if problem["type"] != "missing":
            _drop(rest, problem["loc"])
    try:
        return Descriptor.model_validate(rest), tuple(dict(problem) for problem in problems)
    except ValidationError:
        return None, tuple(dict(problem) for problem in problems)


def _drop(value: Any, keys: tuple[int | str, ...]) -> None:
    """Take out what stands deepest on the way of the keys."""
    parent: Any = None
    last: Any = None
    for key in keys:
        if key not in (value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
            break
        parent, last, value = value, key, value[key]
    if parent is not None:
        del parent[last]


def _node(value: Any) -> Node:
    """The value as rules see a descriptor; a body has no lines."""
    if isinstance(value, dict):
        return Node({key: Entry(_node(item).value) for key, item in value.items()})
    return Node([_node(item) for item in value] if isinstance(value, list) else value)


def _detail(value: Json, finding: Any) -> Detail:
    keys = _keys(value, finding.field)
    at = ("provenance", *keys) if keys and keys[0] in OWN_KEYS else keys
    return {"pointer": pointer(at), "detail": finding.message, "rule": finding.rule}


def _keys(value: Any, field: str) -> tuple[str | int, ...]:
    """The keys that a dotted field stands for; keys hold dots themselves, so the value tells where they end."""
    if not field:
        return ()
    names = value if isinstance(value, dict) else map(str, range(len(value))) if isinstance(value, list) else ()
    fitting = [name for name in names if field == name or field.startswith(f"{name}.")]
    if not fitting:
        return (field,)
    name = max(fitting, key=len)
    item = value[name] if isinstance(value, dict) else value[int(name)]
    return (name, *_keys(item, field[len(name) + 1 :]))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.path) and text.isprintable() and " " not in text


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [item for outer in layer for item in _items(outer)]
        if not layer:
            return False
    return True


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
