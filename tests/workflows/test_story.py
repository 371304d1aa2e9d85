"""The story: a branch adds a version, CI judges it, reviewers read it, merging registers it, and once is enough."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.build import a_descriptor, a_version, write
from tests.command import registry
from tests.workflows.act import Forge
from tests.workflows.production import Production, a_production


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    """A folder with SQLite; test_forge_story.py has a container."""
    with a_production(tmp_path, None) as made:
        yield made


def test_from_a_branch_to_a_registered_version_and_once_is_enough(forge: Forge, production: Production) -> None:
    author = forge.clone()
    descriptor = a_descriptor(model_config__description="A better encoder.", model_metainfo__num_params=18)
    files = a_version(descriptor, model__bin=secrets.token_bytes(3_000_000))
    write(author, "tiny/1.1", files)
    forge.push(author, "better")

    judged = forge.run(forge.open_pull_request("better"), "validate.yml")
    assert judged.jobs == {"validate": "success"}, judged.log
    assert [(note.level, note.title) for note in judged.annotations] == [("notice", "num-params-jump")]
    assert "added, compared with 1.0" in judged.summary
    assert "| `num_params` | `9` → `18` (×2) |" in judged.summary

    merged = forge.merge("better")
    run = forge.run(merged, "reconcile.yml", variables=production.variables, secrets=production.secrets)
    assert run.jobs == {"reconcile": "success"}, run.log
    assert "2 registered" in run.summary

    record = requests.get(f"{production.endpoint}/api/v1.0/model/tiny/1.1", timeout=10).json()
    assert record["model_config"]["description"] == "A better encoder."
    assert record["model_metainfo"]["num_params"] == 18
    assert record["provenance"]["commit"] == merged.commit
    assert set(record["model_files"]) == set(descriptor["model_files"])
    for target, file in record["model_files"].items():
        assert requests.get(file["url"], timeout=10).content == files[target]

    clone = forge.clone()
    plan = registry(clone, "plan", "--full", "--format", "json", env=production.env)
    assert (plan.code, plan.json["versions"], plan.json["counts"]["unchanged"]) == (0, [], 2)
    again = forge.run(forge.schedule(), "reconcile.yml", variables=production.variables, secrets=production.secrets)
    assert again.jobs == {"reconcile": "success"}
    assert "nothing to do" in again.summary
    for hidden in production.secrets.values():
        assert hidden not in run.log + run.summary + again.log
