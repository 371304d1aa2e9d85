"""The story on GitHub: a pull request is judged and told, merged and told, and storage that is altered is noticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.azurite import Azurite
from tests.build import a_descriptor, a_version, write
from tests.workflows.act import Event, Forge
from tests.workflows.github import GitHub
from tests.workflows.production import Production, a_production
from tests.workflows.said import Run


@pytest.fixture
def forge(tmp_path: Path, wheels: Mapping[str, str], github: GitHub) -> Forge:
    """A repository with the tool and one small model on main, on that GitHub."""
    return Forge(tmp_path, wheels, github)


@pytest.fixture
def production(tmp_path: Path, azurite: Azurite) -> Iterator[Production]:
    """A container with SQLite."""
    with a_production(tmp_path, azurite) as made:
        yield made


@pytest.mark.timeout(900)  # eight runs, each of which installs the tool
def test_a_pull_request_is_judged_merged_and_told_and_drift_is_one_issue(
    forge: Forge, github: GitHub, production: Production
) -> None:
    author = forge.clone()
    write(author, "tiny/1.1", a_version(a_descriptor(colour="red")))
    first = forge.push(author, "better")
    opened = forge.open_pull_request("better")
    judged = forge.run(opened, "validate.yml")
    assert judged.jobs == {"validate": "failure"}, judged.log
    assert [(note.level, note.title, note.line) for note in judged.annotations] == [("error", "unknown-key", 24)]
    assert "**failed: 1 version, 1 error**" in judged.summary

    done(forge.run(forge.follow(1), "report.yml"), "report")
    [comment] = github.comments[1]
    assert "**failed: 1 version, 1 error**" in comment["body"]
    assert states(github) == [(first, "failure")]

    write(author, "tiny/1.1", a_version())
    second = forge.push_again(author, 1).payload["pull_request"]["head"]["sha"]
    done(forge.run(forge.follow(1), "report.yml"), "report")
    assert github.comments[1] == [comment]
    assert "**ok: 1 version, nothing wrong**" in comment["body"]
    assert states(github) == [(first, "failure"), (second, "success")]

    merged = forge.merge("better")
    github.deployments.append({"id": 5, "sha": merged.commit, "environment": "production"})
    run = reconcile(forge, merged, production)
    done(run, "reconcile")
    assert "2 registered" in run.summary
    assert requests.get(f"{production.endpoint}/api/v1.0/model/tiny/1.1", timeout=10).status_code == 200
    page, told = github.comments[1]
    assert page is comment
    assert "**ok: 1 registered**" in told["body"]
    [status] = github.deployment_statuses
    assert (status["state"], status["description"]) == ("success", "2 registered")

    blob = production.storage.stat("tiny/1.1/model.bin")
    assert blob
    production.storage.replace(blob.path, [b"altered by hand"], etag=blob.etag)
    done(drift(forge, production), "drift")
    [issue] = github.issues.values()
    assert (issue["state"], issue["title"]) == ("open", "The registry is not what main says")
    assert "altered tiny/1.1: " in issue["body"]

    repaired = reconcile(forge, forge.schedule(), production)
    done(repaired, "reconcile")
    assert "1 repaired" in repaired.summary
    assert "**ok: 1 repaired**" in told["body"]
    done(drift(forge, production), "drift")
    assert issue["state"] == "closed"
    assert len(github.issues) == 1
    assert len(github.comments[1]) == 2


def states(github: GitHub) -> list[tuple[str, str]]:
    """Which states of registry/validate were set on which commits, in order."""
    assert {status["context"] for status in github.statuses} == {"registry/validate"}
    return [(status["sha"], status["state"]) for status in github.statuses]


def done(run: Run, job: str) -> None:
    """The one job of a run succeeded, and no secret is in its log."""
    assert run.jobs == {job: "success"}, run.log
    assert "warning: " not in run.log


def reconcile(forge: Forge, event: Event, production: Production) -> Run:
    """Run reconcile.yml with the environment `production`."""
    run = forge.run(event, "reconcile.yml", variables=production.variables, secrets=production.secrets)
    assert [hidden for hidden in (*production.secrets.values(), forge.github.token) if hidden in run.log] == []
    return run


def drift(forge: Forge, production: Production) -> Run:
    """Run drift.yml with the environment `drift`: a token for storage that reads and lists, and an endpoint to read."""
    account, container = urlsplit(production.variables["REGISTRY_STORAGE"]).path.strip("/").split("/")
    token = generate_container_sas(
        account_name=account,
        container_name=container,
        account_key=production.secrets["AZURE_STORAGE_KEY"],
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    variables = {**production.variables, "REGISTRY_ENDPOINT": production.endpoint}
    return forge.run(forge.schedule(), "drift.yml", variables=variables, secrets={"AZURE_STORAGE_SAS_TOKEN": token})
