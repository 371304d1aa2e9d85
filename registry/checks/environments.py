"""Environments: what a script is run in can be read and pulled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from registry.checks.scripts import place_in
from registry.facts import Problem
from registry.finding import Finding
from registry.policy import Policy
from registry.snapshot import Version
from registry.tree import MAX_BYTES
from registry.yaml12 import parse_yaml

# `[domain[:port]/]path[:tag][@digest]` as the OCI distribution specification and its reference implementation have it:
# opencontainers/distribution-spec (path and tag), opencontainers/image-spec (digest), distribution/reference (domain).
_DOMAIN = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[A-Fa-f0-9:]+\])"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"(?:{_DOMAIN}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = (
    r"(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}|(?!sha256:|sha512:)[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+)"
)
_IMAGE = re.compile(rf"(?P<name>{_NAME})(?::{_TAG})?(?:@{_DIGEST})?")
_MAX_NAME = 255  # characters: distribution/reference

# What parse_yaml finds that a conda file cannot have either; where it is only stricter, nothing can be known.
_NOT_YAML = frozenset({"yaml-syntax", "invalid-utf8", "conflict-marker", "several-documents", "tab-indentation"})


def check_images(version: Version, _: Policy) -> Iterator[Finding]:
    """Each docker image is an OCI reference."""
    for key in version.environments:
        image = version.text("model_config", key, "docker_image")
        if image is not None and (problem := image_problem(image)):
            place = version.place("model_config", key, "docker_image")
            right = plain_image(image)
            message = f"`{image}` is not an image: {problem}{f': `{right}`' if right else ''}"
            yield place.finding("docker-image-invalid", message, found=image, fix=right)


def image_problem(image: str) -> str | None:
    """Why a text is not an OCI reference, and what to do; None where it is one."""
    match = _IMAGE.fullmatch(image)
    if match is not None and len(match["name"]) <= _MAX_NAME:
        return None
    if "://" in image:
        return "it has a scheme. Write it without `…://`"
    if _IMAGE.fullmatch(image.lower()):
        return "its name has to be in lower case. Write the part before the tag so"
    return "it is not `registry/name:tag` or `registry/name@sha256:…`. Write it as `docker pull` takes it"


def plain_image(image: str) -> str | None:
    """The reference that a text in capitals or with a scheme stands for; None where it is none then either."""
    bare = re.sub(r"^[a-zA-Z]+://", "", image)
    name = re.split(r"@|:(?!.*/)", bare, maxsplit=1)[0]
    plain = name.lower() + bare[len(name) :]
    return plain if plain != image and image_problem(plain) is None else None


def check_conda_files(version: Version, _: Policy) -> Iterator[Finding]:
    """Each conda file is YAML, a mapping whose `dependencies` are a list."""
    files = {version.text("model_config", key, "conda_env") for key in version.environments}
    for target in sorted(filter(None, files)):
        data = version.facts.texts.get(target)
        if data is not None and (problem := conda_problem(data)):
            place = place_in(version, target, problem.line, problem.column)
            yield place.finding("conda-file-invalid", problem.message)


@lru_cache(maxsize=64)  # versions share such files, and they stand near each other
def conda_problem(data: bytes) -> Problem | None:
    """Why conda cannot make an environment from these bytes; None where it may."""
    if len(data) > MAX_BYTES:
        return Problem(1, 1, f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read. Shorten it")
    root, findings = parse_yaml("", data)
    for finding in findings:
        if finding.rule in _NOT_YAML or (finding.rule == "control-character" and root is None):
            return Problem(finding.line, finding.column, finding.message)
    if root is None and findings:
        return None  # anchors, tags and the like, which conda reads and we do not
    if root is None or not isinstance(root.value, dict):
        return Problem(1, 1, "this is not a mapping. Write `dependencies:` and under it what conda is to install")
    entry = root.value.get("dependencies")
    if entry is None:
        has_more = any(finding.rule == "anchor" for finding in findings)  # a merge key brings what stands elsewhere
        missing = "the file has no `dependencies`. Add them as a list"
        return None if has_more else Problem(root.line, root.column, missing)
    if not isinstance(entry.value, list):
        return Problem(entry.line, entry.column, "`dependencies` are not a list. Begin each with `- `")
    return None


CHECKS = (check_images, check_conda_files)
