"""No secret is in anything that was printed or stored, whatever failed on the way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import requests

from tests import faults
from tests.build import a_commit, git
from tests.command import Done
from tests.kinds import kind_of, of_kind
from tests.proxy import Exchange
from tests.world import SERVE_LOG, TOKEN, World

PASSWORD = "a-password-of-a-docker-registry"
ALWAYS = 1000


def echo(exchange: Exchange) -> None:
    """An endpoint that tells in its error all that it was sent."""
    body = exchange.read()
    told = f"cannot take {exchange.asked.headers['authorization']} {body.decode()}"
    exchange.answer(422, {"Content-Type": "application/problem+json"}, json.dumps({"detail": told}).encode())


def a_private_image(world: World) -> dict[str, bytes]:
    """A version with weights behind a SAS and an image behind a password."""
    registry = {"url": "registry.example.com", "username": "ci", "password": "${env:REGISTRY_DOCKER_PASSWORD_TEAM}"}
    docker = {"docker_image": "registry.example.com/image:1", "docker_registry": registry}
    inference = {"entry_script": "inference.py", "conda_env": "environment.yml", **docker}
    return world.weights(model_config__inference_properties=inference)


def test_no_secret_is_in_what_was_printed_or_stored(world: World) -> None:
    settings = (world.repository / "pyproject.toml").read_text()
    (world.repository / "pyproject.toml").write_text(
        f'{settings}docker_registries = {{TEAM = "registry.example.com"}}\n'
    )
    git(world.repository, "commit", "--quiet", "--all", "--message=settings")
    a_commit(world.repository, "tiny/1.0", a_private_image(world))
    world.env["REGISTRY_DOCKER_PASSWORD_TEAM"] = PASSWORD

    said = list(disturbed(world))
    done = world.run("--verbose", "reconcile", "--format", "json")
    said.append(done)
    assert done.code == 0, done
    said += [world.run("--verbose", command, "--full", "--format", "json") for command in ("plan", "reconcile")]

    sas = world.env["REGISTRY_SOURCE_SAS_SOURCE"]
    signatures = {asked.query["sig"] for asked in world.proxy.asked if "sig" in asked.query}
    secrets = {TOKEN, PASSWORD, world.env["AZURE_STORAGE_KEY"], sas, "sig=", *signatures}
    assert len(signatures) >= 1
    for kind, text in texts(world, said):
        found = {secret for secret in secrets if secret in text}
        assert not found, kind


def disturbed(world: World) -> Iterator[Done]:
    """Runs that fail at each of those who are told secrets."""
    refused = {"x-ms-error-code": "AuthenticationFailed"}
    for kind, fault in {
        "create file": faults.answered(403, refused),
        "copy block of file": faults.answered(403, refused | {"x-ms-copy-source-status-code": "403"}),
        "GET readyz": faults.reset,
        "GET model": faults.answered(500, body=b"a page of an HTML proxy"),
        "PUT model": echo,
        "create receipt": faults.answered(403, refused),
    }.items():
        world.proxy.spoil(of_kind(kind), fault, times=ALWAYS)
        world.proxy.spoil(lambda asked: kind_of(asked) == "GET source", faults.answered(403), times=ALWAYS)
        done = world.run("--verbose", "reconcile", "--jobs", "1")
        assert done.code in (1, 3), (kind, done)
        yield done
        asked = world.proxy.asked
        world.proxy.heal()
        world.proxy.asked = asked


def texts(world: World, said: list[Done]) -> Iterator[tuple[str, str]]:
    """Everything that was printed and stored, with what it is."""
    yield "printed", "".join(done.out + done.err for done in said)
    yield "served", (world.repository / SERVE_LOG).read_text()
    for blob in world.container.list_blobs(include=["metadata", "copy"]):
        yield f"blob {blob.name}", world.container.download_blob(blob.name).readall().decode(errors="replace")
        yield f"metadata of {blob.name}", f"{blob.metadata} {blob.copy.source}"
    yield (
        "answered",
        requests.get(
            f"{world.proxy.url}/api/v1.0/model/tiny/1.0/status",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
        ).text,
    )
    with closing(sqlite3.connect(world.repository / ".registry" / "registry.db")) as database:
        for line in database.iterdump():
            if "INSERT INTO" in line and '"passwords"' not in line:  # where the endpoint keeps them, for itself alone
                yield "database", line
