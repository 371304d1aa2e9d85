"""What the base holds counts as registered, and is held to what it was registered as."""

from __future__ import annotations

from typing import Any

import pytest

from registry.checks.immutability import check_against_base, check_gone
from registry.diff import kept
from registry.finding import Finding
from registry.snapshot import Version
from registry.wire import Json, make_request, without_query
from tests.build import a_descriptor, a_tiny_version, a_version

URL = "https://account.blob.core.windows.net/uploads/model.bin"
PIN: dict[str, Any] = {"sha256": "0" * 64, "size": 7}
OTHER_PIN: dict[str, Any] = {"sha256": "1" * 64, "size": 7}
REGISTRY = {"url": "registry.example.com", "username": "ci", "password": "${env:REGISTRY_DOCKER_PASSWORD_TEAM}"}
ARGUMENTS = {"--lr": 0.1, "-v": "", "a.b": "c"}
INFERENCE = "model_config.inference_properties"
ARGS = "model_config.training_properties.args"
REMOVED = {"lifecycle": {"state": "removed", "reason": "Wrong."}}


def a_request(version: Version, digests: dict[str, Json] | None = None) -> Json:
    """What a version asks for; each local file has its own path as digest, or the one that is given."""
    assert version.descriptor is not None
    files: dict[str, Json] = {}
    for target, file in version.descriptor.model_files.items():
        pin = {"sha256": file.sha256 or file.local, "size": file.size or 1}
        files[target] = pin if pin["sha256"] else {"url": without_query(file.source)}
    return make_request(version.descriptor, files | (digests or {}))


def judged(before: Version, after: Version, **digests: dict[str, Json] | None) -> list[Finding]:
    """The findings for a version that was one and is the other now."""
    requests = [a_request(v, digests.get(side)) for v, side in ((before, "old"), (after, "new"))]
    return check_against_base(after, before, *requests)


def refused(before: dict[str, Any], after: dict[str, Any], **digests: dict[str, Json] | None) -> list[str]:
    """The fields that may not change so."""
    found = judged(a_tiny_version(a_descriptor(**before)), a_tiny_version(a_descriptor(**after)), **digests)
    assert {finding.rule for finding in found} <= {"registered-content"}
    return [finding.field for finding in found]


def remote(source: str = URL, **pin: Any) -> dict[str, Any]:
    """`model.bin` comes from there."""
    return {"model_files__model.bin": {"source": source, **pin}}


def trained(**changes: Any) -> dict[str, Any]:
    """Trained with these arguments, where they differ from ARGUMENTS; None takes one out."""
    arguments = {name: value for name, value in {**ARGUMENTS, **changes}.items() if value is not None}
    properties = {"entry_script": "inference.py", "conda_env": "environment.yml", "args": arguments}
    return {"model_config__training_properties": properties}


def pulled(**changes: str) -> dict[str, Any]:
    """Run in an image of a registry, which is described in another way."""
    return {"model_config__inference_properties__docker_registry": {**REGISTRY, **changes}}


def image(source: str, *images: str) -> dict[str, Any]:
    """A picture of that source, which the index page shows or not."""
    return {"model_files__loss.png": source, "model_metainfo__images": [*images]}


def lines_of(descriptor: dict[str, Any]) -> list[str]:
    """The lines of a descriptor as it stands in its folder."""
    return a_version(descriptor)["model.yaml"].decode().split("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (remote(**PIN), remote(f"{URL}.moved", **PIN)),
        (remote(**PIN), remote("https://other.blob.core.windows.net/c/model.bin", **PIN)),
        (remote(), remote(f"{URL}?version=1")),
        (remote(), remote(**PIN)),  # pinned since: reconcile holds the pin against what it copied
        (remote(size=7), remote(**PIN)),
    ],
)
def test_a_content_file_may_move_with_an_equal_digest(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert refused(before, after) == []


def test_a_content_file_may_move_between_git_and_storage() -> None:
    assert refused({}, remote(**PIN), old={"model.bin": PIN}) == []
    assert refused(remote(**PIN), {}, new={"model.bin": PIN}) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (remote(**PIN), remote(**OTHER_PIN)),
        (remote(**PIN), remote(f"{URL}.moved")),
        (remote(**PIN), remote()),
        (remote(), remote(f"{URL}.moved")),
        (remote(), remote(f"{URL}.moved", **PIN)),
        ({}, remote(**PIN)),
        ({}, remote()),
        (remote(), {}),
    ],
)
def test_a_content_file_does_not_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert refused(before, after) == ["model_files.model.bin"]


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({}, {"model_config__inference_properties__docker_image": "python:3.11"}, [f"{INFERENCE}.docker_image"]),
        (pulled(), pulled(url="other.example.com"), [f"{INFERENCE}.docker_registry.url"]),
        (pulled(), pulled(username="cd"), [f"{INFERENCE}.docker_registry.username"]),
        (trained(), trained(**{"-v": None}), [f"{ARGS}.-v"]),
        (trained(), trained(**{"-q": ""}), [f"{ARGS}.-q"]),
        (trained(), trained(**{"--lr": 0.2, "-v": "1"}), [f"{ARGS}.--lr", f"{ARGS}.-v"]),
        (trained(), trained(**{"--lr": "0.1"}), [f"{ARGS}.--lr"]),
        (trained(), trained(**{"a.b": "d"}), [f"{ARGS}.a.b"]),
        ({"private_packages": ["model.bin"]}, {}, ["private_packages"]),
        ({"private_packages": ["model.bin", "index.md"]}, {"private_packages": ["index.md"]}, ["private_packages"]),
    ],
)
def test_properties_and_packages_do_not_change(
    before: dict[str, Any], after: dict[str, Any], fields: list[str]
) -> None:
    assert refused(before, after) == fields


def test_another_name_for_a_password_is_no_change() -> None:
    assert refused(pulled(), pulled(password="${env:REGISTRY_DOCKER_PASSWORD_OTHER}")) == []


def test_properties_do_not_come_or_go() -> None:
    fields = [f"{ARGS}.{name}" for name in ("--lr", "-v", "a.b")]
    fields += [f"model_config.training_properties.{key}" for key in ("conda_env", "entry_script")]
    assert refused({}, trained()) == refused(trained(), {}) == fields


def test_a_finding_stands_at_the_key_that_changed() -> None:
    before, after = a_tiny_version(a_descriptor(**trained())), a_tiny_version(a_descriptor(**trained(**{"a.b": "d"})))
    (finding,) = judged(before, after)
    place = after.place("model_config", "training_properties", "args", "a.b")
    assert (finding.line, finding.column) == (place.line, place.column)
    assert place.line == 1 + lines_of(a_descriptor(**trained(**{"a.b": "d"}))).index("      a.b: d")


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (image("./a.png", "loss.png"), image("./b.png", "loss.png"), []),
        (image("./a.png", "loss.png"), {}, []),
        ({}, image("./a.png", "loss.png"), []),
        (image("./a.png", "loss.png"), image("./a.png"), []),
        (image("./a.png"), image("./a.png", "loss.png"), []),
        (image("./a.png"), image("./b.png"), ["model_files.loss.png"]),
        (image("./a.png"), image("./b.png", "loss.png"), ["model_files.loss.png"]),
        (image("./a.png", "loss.png"), image("./b.png"), ["model_files.loss.png"]),
        ({"model_files__index.md": "./a.md"}, {"model_files__index.md": "./b.md"}, []),
    ],
)
def test_page_files_change_as_long_as_they_are_nothing_else(
    before: dict[str, Any], after: dict[str, Any], fields: list[str]
) -> None:
    assert refused(before, after) == fields


def test_the_finding_says_how_to_add_a_new_version() -> None:
    (finding,) = judged(a_tiny_version(), a_tiny_version(a_descriptor(model_config__type="DECODER")))
    assert "add it as a new version with `parent: tiny/1.0`" in finding.message


def test_a_version_that_was_removed_or_that_never_was_whole_is_held_to_nothing_else() -> None:
    tiny, removed = a_tiny_version(), a_tiny_version(REMOVED)
    assert [f.rule for f in check_against_base(tiny, removed, None, a_request(tiny))] == ["registered-removed"]
    assert check_against_base(removed, removed, None, None) == []
    assert check_against_base(tiny, a_tiny_version(None, model__yaml=b"["), None, a_request(tiny)) == []


def gone(base: Version, *added: Version) -> list[Finding]:
    """The findings where the folder of a version is gone, and those of others are new."""
    keep = {kept(a_request(version)): version.id for version in added}
    return list(check_gone(base, a_request(base) if base.descriptor else None, keep, "models"))


def test_a_folder_that_is_gone_is_a_finding_with_what_to_do() -> None:
    (finding,) = gone(a_tiny_version())
    assert (finding.rule, finding.path) == ("registered-gone", "models/tiny/1.0/model.yaml")
    assert all(word in finding.message for word in ("Bring the folder back", "state: withdrawn", "state: removed"))


def test_the_folder_of_a_removed_version_keeps_its_name() -> None:
    (finding,) = gone(a_tiny_version(REMOVED))
    assert (finding.rule, finding.path) == ("registered-gone", "models/tiny/1.0/model.yaml")
    assert "withdrawn" not in finding.message


def test_a_folder_whose_descriptor_could_not_be_read_was_never_registered() -> None:
    assert gone(a_tiny_version(None, model__yaml=b"[")) == []


@pytest.mark.parametrize(("model", "what"), [("small/1.0", "a new model"), ("tiny/1.1", "a new version")])
def test_a_renamed_folder_is_a_new_model_or_version(model: str, what: str) -> None:
    reworded = a_descriptor(model_config__description="The same, renamed.", parent="tiny/1.0")
    (finding,) = gone(a_tiny_version(), a_tiny_version(a_descriptor(), "else/1.0"), a_tiny_version(reworded, model))
    assert (finding.rule, finding.path) == ("registered-renamed", f"models/{model}/model.yaml")
    assert f"`lifecycle: {{state: deprecated, reason: …, replaced_by: {model}}}`" in finding.message
    assert what in finding.message


@pytest.mark.parametrize(
    "changes", [{"model_config__type": "DECODER"}, remote(**PIN), {"private_packages": ["index.md"]}]
)
def test_another_model_in_the_place_of_one_that_is_gone_is_not_that_one_renamed(changes: dict[str, Any]) -> None:
    (finding,) = gone(a_tiny_version(), a_tiny_version(a_descriptor(**changes), "small/1.0"))
    assert finding.rule == "registered-gone"
