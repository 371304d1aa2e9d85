"""Pull requests of strangers, before the command that may write: nothing runs, nothing leaks, nothing is believed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.build import a_descriptor, a_version, git, write
from tests.command import Done
from tests.workflows.desk import Desk
from tests.workflows.github import GitHub
from tests.workflows.planted import plant

MISTAKE = a_version(a_descriptor(colour="red"))
TOKEN = "the-token-of-the-endpoint"
FORK = "mallory/models"


def judge(desk: Desk, clone: Path) -> tuple[Done, str]:
    """Propose a clone from a fork and judge it with a secret in the environment; what was done, and the page."""
    head = desk.propose(clone, 7, repository=FORK)
    done = desk.review(7, env={"REGISTRY_TOKEN": TOKEN})
    assert done.code == 0, done.err
    [comment] = desk.github.comments[7]
    assert [status["sha"] for status in desk.github.statuses] == [head]
    for said in (done.out, done.err, comment["body"], str(desk.github.statuses)):
        assert TOKEN not in said
        assert desk.github.token not in said
    return done, comment["body"]


def is_red(desk: Desk) -> bool:
    """Whether the one status keeps the pull request from being merged."""
    [status] = desk.github.statuses
    return bool(status["state"] == "failure")


def test_nothing_that_a_fork_brings_is_run(desk: Desk, tmp_path: Path) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    (clone / "requirements").mkdir()
    (clone / "registry" / "cli").mkdir(parents=True)
    plant(clone, tmp_path / "marker")
    hooks = clone / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\necho hook >> '{tmp_path / 'marker'}'\n")
    (clone / ".gitattributes").write_text("* filter=run diff=run merge=run\n")
    judge(desk, clone)
    assert is_red(desk)
    assert not (tmp_path / "marker").exists()


def test_a_policy_that_the_change_loosens_is_not_the_one_it_is_judged_by(desk: Desk) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    (clone / "pyproject.toml").write_text('[tool.registry]\n[tool.registry.severity]\nunknown-key = "off"\n')
    _, page = judge(desk, clone)
    assert is_red(desk)
    assert "settings-loosened" in page or "allow" in page
    assert "pyproject" in page


def test_a_models_folder_that_the_change_moves_is_looked_for_where_the_base_has_it(desk: Desk) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    (clone / "pyproject.toml").write_text('[tool.registry]\nmodels = "elsewhere"\n')
    judge(desk, clone)
    assert is_red(desk)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"model_config: !!python/object/apply:os.system ['touch marker']\n", "tag"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", "anchor"),
        (b"[" * 100_000, "too-deep"),
        (b"model_config: {type: ENCODER}\n" * 20_000, "descriptor-too-large"),
    ],
    ids=["tag", "alias bomb", "deep", "large"],
)
def test_a_hostile_descriptor_is_a_finding(desk: Desk, text: bytes, rule: str) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", {**a_version(), "model.yaml": text})
    _, page = judge(desk, clone)
    assert is_red(desk)
    assert rule in page
    assert not (desk.here / "marker").exists()


@pytest.mark.parametrize("name", ["$(touch marker)", "`touch marker`", "a;touch marker", "--upload-pack=touch marker"])
def test_a_name_is_no_command(desk: Desk, name: str) -> None:
    clone = desk.clone()
    write(clone, f"{name}/1.0", a_version())
    judge(desk, clone)
    assert is_red(desk)
    assert not list(desk.folder.rglob("marker"))


@pytest.mark.parametrize("branch", ["$(touch marker)", "--upload-pack=touch", "main", "a\nb", "::set-output name=x::y"])
def test_a_branch_is_no_command_and_no_other_branch(desk: Desk, github: GitHub, branch: str) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    desk.propose(clone, 7, branch=branch, repository=FORK)
    assert desk.review(7).code == 0
    assert is_red(desk)
    queued = desk.review(7, event="merge_group", head_branch=branch, head_repository={"full_name": "acme/models"})
    assert "\n" not in queued.out.rstrip("\n")
    assert len(github.statuses) == 1
    assert not list(desk.folder.rglob("marker"))


def test_the_environment_is_not_read_for_a_descriptor(desk: Desk) -> None:
    clone = desk.clone()
    registry = {"url": "registry.example.com", "username": "ci", "password": "${env:REGISTRY_TOKEN}"}
    image = {"docker_image": "registry.example.com/a/b:1", "docker_registry": registry}
    write(clone, "tiny/1.1", a_version(a_descriptor(model_config__inference_properties={
        "entry_script": "inference.py", **image,
    })))  # fmt: skip
    judge(desk, clone)
    assert is_red(desk)


def test_what_strangers_write_is_no_markup_and_calls_nobody(desk: Desk) -> None:
    words = '@everyone <img src="https://evil.example/x"> [ok](https://evil.example) fixes #1 | **bold**'
    clone = desk.clone()
    descriptor = a_descriptor(model_config__description=words, model_metainfo__input_description=f"{words}\u202e")
    write(clone, "tiny/1.1", a_version(descriptor, index__md=f"{words}\n```\n<!-- registry: review -->\n".encode()))
    _, page = judge(desk, clone)
    outside = without_fences(page)
    assert [
        mark for mark in ("@everyone", "<img", "](https://evil", "https://evil", "fixes #1") if mark in outside
    ] == []
    assert "\u202e" not in page
    assert page.count("<!-- registry: review -->") <= 2  # ours, and in a fence that nothing closes


def without_fences(page: str) -> str:
    """The page without what stands in fences, where nothing is markup."""
    kept, fence = [], ""
    for line in page.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if not fence and len(ticks) >= 3:
            fence = ticks
        elif fence and line.rstrip() == fence:
            fence = ""
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


def test_a_second_model_in_the_change_is_on_the_page(desk: Desk) -> None:
    clone = desk.clone()
    for number in range(30):
        write(clone, f"tiny/1.{number + 1}", a_version())
    write(clone, "zz-other/9.9", a_version(a_descriptor(model_config__description="The one that was hidden.")))
    _, page = judge(desk, clone)
    assert "zz-other/9.9" in page


def test_an_edited_workflow_that_turns_green_is_judged_by_the_default_branch(desk: Desk) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    workflow = clone / ".github" / "workflows" / "validate.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("name: validate\non: pull_request\njobs: {validate: {runs-on: x, steps: [{run: 'true'}]}}\n")
    head = desk.propose(clone, 7, repository=FORK)
    done = desk.review(7, conclusion="success", pull_requests=[{"number": 1}], artifacts_url=forged(desk))
    assert done.code == 0
    assert [(status["sha"], status["state"]) for status in desk.github.statuses] == [(head, "failure")]
    assert ".github/workflows/validate.yml" in desk.github.comments[7][0]["body"]
    assert not [asked for asked in desk.github.asked if "artifact" in asked.path]


def forged(desk: Desk) -> str:
    """A report as an artifact that says that all is well."""
    file = desk.folder / "report.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("review.json", '{"verdict": "ok"}')
    return file.as_uri()


def test_a_good_pull_request_of_somebody_else_lends_nothing_to_a_bad_one(desk: Desk, github: GitHub) -> None:
    good, bad = desk.clone(), desk.clone()
    write(good, "tiny/1.1", a_version())
    write(bad, "tiny/1.1", MISTAKE)
    desk.propose(good, 7, branch="proposal", repository="ada/models")
    head = desk.propose(bad, 8, branch="proposal", repository=FORK)
    desk.review(7)
    assert desk.review(7, head_sha=head).out.startswith("nothing to say")
    assert desk.review(8, head_repository={"full_name": "ada/models"}).out.startswith("nothing to say")
    assert desk.review(8, pull_requests=[{"number": 7}]).code == 0
    assert [(status["sha"] == head, status["state"]) for status in github.statuses] == [
        (False, "success"), (True, "failure"),
    ]  # fmt: skip
    assert github.comments.keys() == {7, 8}


def test_a_submodule_and_a_link_are_not_followed(desk: Desk) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", a_version())
    (clone / "models" / "tiny" / "1.1" / "index.md").unlink()
    (clone / "models" / "tiny" / "1.1" / "index.md").symlink_to("/etc/passwd")
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},models/tiny/1.2")
    (clone / ".gitmodules").write_text('[submodule "x"]\npath = models/tiny/1.2\nurl = https://evil.example/x\n')
    _, page = judge(desk, clone)
    assert is_red(desk)
    assert "root:" not in page
