"""Secrets: none stands in git."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.checks.sources import has_credentials, source_place
from registry.finding import Finding, Place
from registry.policy import Policy
from registry.snapshot import Version
from registry.tree import DESCRIPTOR
from registry.wire import PASSWORD

_PASSWORD_NAME = re.compile(r"(?i)(?:^|[-_])(?:password|passwd|api[-_]?key)$")


def check_passwords(version: Version, policy: Policy) -> Iterator[Finding]:
    """A registry's password is only named, and the settings bind that name to the registry."""
    for key in version.environments:
        keys = ("model_config", key, "docker_registry")
        password, url = version.text(*keys, "password"), version.text(*keys, "url")
        if password is None:
            continue
        place = version.place(*keys, "password")
        named = re.fullmatch(PASSWORD, password)
        if named is None:
            message = "a password stands in git. Change it, and write `${env:REGISTRY_DOCKER_PASSWORD_<X>}` here"
            yield place.finding("password-literal", message)
        elif policy.docker_registries.get(named.group(1)) != url:
            bound = f'{named.group(1)} = "{url}"'
            message = f"`{password}` is not bound to `{url}`. A maintainer can add `{bound}` to `docker_registries`"
            yield place.finding("password-unbound", message, found=url)


def check_arguments(version: Version, _: Policy) -> Iterator[Finding]:
    """No argument of the training script is a password."""
    keys = ("model_config", "training_properties", "args")
    for name in version.keys(*keys):
        if _PASSWORD_NAME.search(name) and version.text(*keys, name):
            message = (
                f"a password stands in git. Change it, and let the script read it from the environment, not `{name}`"
            )
            yield version.place(*keys, name).finding("password-literal", message)


def check_texts(version: Version, _: Policy) -> Iterator[Finding]:
    """Neither the descriptor nor a file beside it holds a secret, and no finding says it again."""
    for local, leaks in version.facts.leaks.items():
        path, said = version.path.removesuffix(DESCRIPTOR) + local, _said(version) if local == DESCRIPTOR else ()
        for leak in leaks:
            if leak.line not in said:
                message = f"{leak.what} stands in git. Revoke it, and take it out: whoever has this branch has it"
                yield Place(path, leak.line, leak.column).finding(leak.rule, message)


def _said(version: Version) -> set[int]:
    """The lines of the descriptor whose secrets other rules speak of."""
    sources = (t for t in version.keys("model_files") if has_credentials(version.source(t) or ""))
    passwords = (("model_config", key, "docker_registry", "password") for key in version.environments)
    return {
        *(source_place(version, target).line for target in sources),
        *(version.place(*keys).line for keys in passwords if version.text(*keys) is not None),
    }


CHECKS = (check_passwords, check_arguments, check_texts)
