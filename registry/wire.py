"""What travels between reconciler and endpoint: routes, bodies, and when two bodies are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.identity import ModelId

if TYPE_CHECKING:
    from registry.descriptor import Descriptor

WIRE_FORMAT = 1
API = "/api/v1.0"
PASSWORD = r"\$\{env:REGISTRY_DOCKER_PASSWORD_([A-Z0-9_]+)\}"  # noqa: S105 - the pattern of a name, no password
ENVIRONMENTS = ("inference_properties", "training_properties", "preprocessing_properties")
SECTIONS = ("model_config", "model_files", "model_metainfo", "private_packages")
OWN_KEYS = ("license", "parent", "lifecycle")  # the registrar's own; they travel in `provenance`

Json = dict[str, Any]
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def model_path(model: ModelId) -> str:
    """`/api/v1.0/model/{name}/{version}`."""
    return f"{API}/model/{quote(model.name, safe='')}/{quote(model.version, safe='')}"


def file_path(model: ModelId, target: str) -> str:
    """`/api/v1.0/model/{name}/{version}/files/{target}`."""
    return f"{model_path(model)}/files/{quote(target)}"


def blob_path(model: ModelId, target: str) -> str:
    """Where a target stands in private storage."""
    return f"{model}/{target}"


def make_body(descriptor: Descriptor, urls: Mapping[str, str], provenance: Json, passwords: Mapping[str, str]) -> Json:
    """The body of the PUT: what the author wrote, with a URL for each target.

    `passwords` maps what stands in the descriptor (`${env:…}`) to what it means.
    """
    body = descriptor.model_dump(
        by_alias=True, mode="json", exclude_unset=True, include={"configuration", "model_metainfo"}
    )
    body["model_files"] = {target: urls[target] for target in sorted(descriptor.model_files)}
    if descriptor.private_packages:
        body["private_packages"] = [urls[target] for target in descriptor.private_packages]
    for environment in _environments(body["model_config"]):
        if credentials := environment.get("docker_registry"):
            credentials["password"] = passwords[credentials["password"]]
    body["provenance"] = provenance
    return body


def make_request(descriptor: Descriptor, files: Mapping[str, Json]) -> Json:
    """The descriptor as one comparable value: defaults filled in, files by what they are, no password.

    `files` maps each target to `{"sha256", "size"}`, or to `{"url"}` where no digest is known.
    """
    sections = descriptor.model_dump(by_alias=True, mode="json")
    sections["model_files"] = dict(files)
    return canonical(sections)


def canonical(sections: Json) -> Json:
    """Sections (and own keys, where given) without what never counts: passwords and the order of keys."""
    copy: Json = json.loads(json.dumps({key: sections[key] for key in (*SECTIONS, *OWN_KEYS) if key in sections}))
    for environment in _environments(copy["model_config"]):
        if environment.get("docker_registry"):
            environment["docker_registry"].pop("password", None)
    return copy


def digests_of(files: Mapping[str, Json]) -> dict[str, Json]:
    """Each target as a request names it: by digest and size alone."""
    return {target: {"sha256": file["sha256"], "size": file["size"]} for target, file in files.items()}


def recorded(record: Json) -> Json:
    """What an endpoint answers to GET as a request, to be compared with the one that is wanted."""
    targets = {without_query(file["url"]): target for target, file in record["model_files"].items()}
    sections = {key: record[key] for key in ("model_config", "model_metainfo")}
    packages = [targets.get(without_query(url), url) for url in record.get("private_packages") or ()]
    own = {key: (record.get("provenance") or {}).get(key) for key in OWN_KEYS}
    return canonical(
        {**sections, "model_files": digests_of(record["model_files"]), "private_packages": packages, **own}
    )


def make_patch(before: Json, after: Json) -> Json:
    """The JSON merge patch (RFC 7396) that makes `before` into `after`; empty values count as absent."""
    patch: Json = {}
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := make_patch(old, new):
                patch[key] = inner
        elif not is_same(old, new) and not (old in _EMPTY and new in _EMPTY):
            patch[key] = new
    return patch


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one: `true`, 1 and 1.0 are three, the order of keys does not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def digest(value: Json) -> str:
    """sha256 (hex digits) of the value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def without_query(url: str) -> str:
    """The URL without what may change between two signatures of the same place."""
    return url.partition("#")[0].partition("?")[0]


def page_files(request: Json) -> frozenset[str]:
    """Targets named only by `index_page_file` or `images`: what a registered version may change."""
    environments = _environments(request["model_config"])
    used = {e.get(key) for e in environments for key in ("entry_script", "conda_env")}
    metainfo = request["model_metainfo"]
    pages = {metainfo["index_page_file"], *metainfo.get("images", ())}
    return frozenset(pages - used - set(request.get("private_packages", ())))


def _environments(configuration: Json) -> list[Json]:
    return [configuration[key] for key in ENVIRONMENTS if configuration.get(key)]
