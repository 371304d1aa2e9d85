"""Secrets: none stands in git."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.finding import Finding
from registry.policy import Policy
from registry.snapshot import Version
from registry.wire import PASSWORD


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


CHECKS = (check_passwords,)
