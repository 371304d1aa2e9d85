"""`registry log`: what git and the receipts together say of each change."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry.report.words import count
from tests.build import IDENTITY, a_commit, a_descriptor, a_version, git, write
from tests.command import SCRIPT, environment, registry
from tests.e2e.place import Place
from tests.hostile.door import moves_no_cursor

ADA, GRACE, LIN = "Ada <ada@example.com>", "Grace <grace@example.com>", "Lin <lin@example.com>"
RUN = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "team/models", "GITHUB_RUN_ID": "77"}
URL = "https://github.com/team/models/actions/runs/77"


def changed(**changes: Any) -> dict[str, bytes]:
    """A version that is not quite the usual one."""
    return a_version(a_descriptor(**changes))


def merge(repository: Path, model: str, files: dict[str, bytes], number: int, author: str = LIN) -> str:
    """Change a version on a branch, in two commits, and merge it as a forge does."""
    git(repository, "switch", "--quiet", "--create", "topic")
    for name, content in files.items():
        write(repository, model, {name: content})
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--allow-empty", f"--author={author}", f"--message={name}")
    git(repository, "switch", "--quiet", "main")
    title = f"Merge pull request #{number} from lin/topic"
    git(repository, "merge", "--quiet", "--no-ff", f"--message={title}", "topic")
    git(repository, "branch", "--quiet", "--delete", "topic")
    return git(repository, "rev-parse", "HEAD")


def entries(place: Place, *arguments: str, code: int = 0) -> Any:
    """The entries of a report in JSON."""
    done = place.run("log", *arguments, "--format", "json")
    assert (done.code, done.err) == (code, "")
    return done.json["entries"]


def test_the_log_of_a_version_says_who_changed_what_and_how_it_was_registered(place: Place) -> None:
    first = a_commit(place.repository, "tiny/1.0", a_version())
    assert place.run("reconcile").code == 0
    second = merge(place.repository, "tiny/1.0", changed(model_metainfo__num_params=18), 7)
    assert place.run("reconcile", **RUN).code == 0

    newest, oldest = entries(place, "tiny/1.0")
    assert newest["registered"].pop("time") >= newest["time"]
    assert newest == {
        "model": "tiny/1.0",
        "commit": second,
        "time": "2026-01-02T03:04:05Z",
        "author": LIN,
        "committer": GRACE,
        "merged_by": ADA,
        "pull_request": 7,
        "action": "changed",
        "compared_with": "tiny/1.0",
        "fields": [{"field": "model_metainfo.num_params", "before": 9, "after": 18}],
        "files": [],
        "unreadable": False,
        "registered": {"run": URL, "outcome": "amended"},
        "repaired": [],
        "pending": None,
    }
    assert (oldest["commit"], oldest["author"], oldest["merged_by"]) == (first, ADA, None)
    assert (oldest["action"], oldest["compared_with"], oldest["pull_request"]) == ("added", None, None)
    assert (oldest["registered"]["outcome"], oldest["registered"]["run"]) == ("registered", None)
    assert [file["target"] for file in oldest["files"]] == ["environment.yml", "index.md", "inference.py", "model.bin"]
    assert entries(place) == entries(place, "tiny") == entries(place, "tiny/1.0")


def test_people_read_the_same(folder_place: Place) -> None:
    first = a_commit(folder_place.repository, "tiny/1.0", a_version())
    second = merge(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=18), 7)
    assert folder_place.run("reconcile", **RUN).code == 0
    done = folder_place.run("log", "tiny/1.0")
    receipt = json.loads(folder_place.bytes(".registry/receipts/tiny/1.0/1.json"))
    assert done.code == 0
    assert done.out.split("\n\n")[:2] == [
        f"tiny/1.0 up to {second[:12]}, the newest change first",
        (
            "2026-01-02T03:04:05Z tiny/1.0: changed\n"
            "    num_params: 9 → 18 (×2)\n"
            f"    by {LIN} in pull request #7, merged by {ADA}, commit {second[:12]}\n"
            f"    registered {receipt['time']} by {URL}"
        ),
    ]
    assert f"{ADA}, commit {first[:12]}\n    not registered: a later change took its place\n\n2 entries\n" in done.out


def test_a_new_version_stands_beside_the_one_before_it(folder_place: Place) -> None:
    for version in ("1.9", "1.10", "1.2"):
        a_commit(
            folder_place.repository, f"tiny/{version}", changed(license="MIT" if version == "1.2" else "BSD-3-Clause")
        )
    found = {entry["model"]: (entry["compared_with"], entry["fields"]) for entry in entries(folder_place)}
    assert found["tiny/1.10"] == ("tiny/1.9", [])
    assert found["tiny/1.9"][0] is found["tiny/1.2"][0] is None


def test_what_was_squashed_names_its_pull_request(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    git(folder_place.repository, "commit", "--quiet", "--amend", "--message=A tiny model (#12)")
    assert [entry["pull_request"] for entry in entries(folder_place)] == [12]


def test_what_was_rebased_has_the_pull_request_that_the_forge_told_the_run(folder_place: Place, tmp_path: Path) -> None:
    commit = a_commit(folder_place.repository, "tiny/1.0", a_version())
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"merged": True, "number": 31, "merge_commit_sha": commit}}))
    assert folder_place.run("reconcile", GITHUB_EVENT_PATH=str(event)).code == 0
    assert [entry["pull_request"] for entry in entries(folder_place)] == [31]


def test_a_change_that_nobody_registers_is_there_and_the_receipt_stays_with_the_one_before(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    text = a_version()["model.yaml"] + b"# a comment\n"
    a_commit(folder_place.repository, "tiny/1.0", {"model.yaml": text})
    folder_place.run("reconcile")
    comment, first = entries(folder_place)
    assert (comment["action"], comment["fields"], comment["files"], comment["registered"]) == ("changed", [], [], None)
    assert first["registered"]["outcome"] == "registered"
    out = folder_place.run("log").out
    assert "    no field and no file differs for a reader of the models\n" in out
    assert "not registered" not in out


def test_what_came_back_is_registered_once_for_each_time(folder_place: Place) -> None:
    for number in (9, 18):
        a_commit(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=number))
        folder_place.run("reconcile")
    a_commit(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=9))
    # The clock of this commit is behind that of the runs, as no forge's is.
    date = {"GIT_COMMITTER_DATE": "2099-01-01T00:00:00Z"}
    subprocess.run(
        ["git", "commit", "--quiet", "--amend", "--no-edit"],
        cwd=folder_place.repository, env=environment(IDENTITY | date), check=True,
    )  # fmt: skip
    assert [e["registered"] and e["registered"]["outcome"] for e in entries(folder_place)] == [
        None,
        "amended",
        "registered",
    ]
    folder_place.run("reconcile")
    found = [entry["registered"]["outcome"] for entry in entries(folder_place)]
    assert found == ["amended", "amended", "registered"]


def test_a_repair_is_told_after_the_registration(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    (folder_place.repository / ".registry/storage/tiny/1.0/index.md").unlink()
    assert folder_place.run("reconcile", "--full").code == 0
    [entry] = entries(folder_place)
    assert entry["registered"]["outcome"] == "registered"
    assert [record["outcome"] for record in entry["repaired"]] == ["repaired"]


def test_a_version_that_waits_says_since_when(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", changed(license="No-Such-Licence"))
    assert folder_place.run("reconcile").code == 1
    [entry] = entries(folder_place)
    assert entry["registered"] is None
    assert f"\n    pending since {entry['pending']}\n" in folder_place.run("log").out


def test_the_way_out_is_told_to_its_end(folder_place: Place) -> None:
    states: list[Any] = [None, {"state": "withdrawn", "reason": "Old."}]
    for state in states:
        a_commit(folder_place.repository, "tiny/1.0", changed(lifecycle=state))
        folder_place.run("reconcile")
    git(folder_place.repository, "rm", "-r", "--quiet", "models/tiny/1.0")
    removed = b"lifecycle: {state: removed, reason: Old.}\n"
    a_commit(folder_place.repository, "tiny/1.0", {"model.yaml": removed})
    folder_place.run("reconcile")
    git(folder_place.repository, "rm", "-r", "--quiet", "models/tiny/1.0")
    git(folder_place.repository, "commit", "--quiet", "--message=gone")

    gone, *found = entries(folder_place, "tiny/1.0")
    assert (gone["action"], gone["fields"], gone["registered"]) == ("removed", [], None)
    assert [(e["action"], e["registered"]["outcome"]) for e in found] == [
        ("removed", "removed"),
        ("changed", "amended"),
        ("added", "registered"),
    ]
    assert {"field": "lifecycle.state", "before": "withdrawn", "after": "removed"} in found[0]["fields"]


def test_a_descriptor_that_cannot_be_read_is_said_and_stops_nothing(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.0", {"model.yaml": b"a: [\n"})
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    mended, broken, first = entries(folder_place)
    assert [entry["unreadable"] for entry in (mended, broken, first)] == [True, True, False]
    assert first["fields"] != []
    shown = folder_place.run("log").out
    assert shown.count("    What was there before cannot be read.") == 1
    assert shown.count("    It cannot be read; `registry validate` says why.") == 1
    assert "- It cannot be read; `registry validate` says why." in folder_place.run("log", "--format", "markdown").out


def test_only_what_is_asked_for_is_read(folder_place: Place) -> None:
    for number, model in enumerate(["tiny/1.0", "tiny/1.1", "other/1.0"]):
        a_commit(folder_place.repository, model, changed(model_metainfo__num_params=number + 1))
    lose(folder_place.repository, "HEAD~2:models/tiny/1.0/model.yaml")
    assert [entry["model"] for entry in entries(folder_place, "other")] == ["other/1.0"]
    assert folder_place.run("log", "tiny/1.0").code == 2


def test_the_newest_is_shown_although_the_oldest_cannot_be(folder_place: Place) -> None:
    for number in range(1, 4):
        a_commit(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=number))
    lose(folder_place.repository, "HEAD~2:models/tiny/1.0/model.yaml")
    done = folder_place.run("log", "--format", "json")
    assert done.code == 2
    assert [entry["commit"] for entry in done.json["entries"]] == [git(folder_place.repository, "rev-parse", "HEAD")]
    assert done.json["problems"][0]["message"].startswith("git has no blob ")
    assert [e["action"] for e in entries(folder_place, "--limit", "1")] == [
        "changed"
    ]  # what is not asked for, is not missed
    out = folder_place.run("log").out
    assert out.endswith("\n\n1 entry\nlacking: " + out.split("lacking: ")[1])


def lose(repository: Path, name: str) -> None:
    """Take an object away from a repository."""
    oid = git(repository, "rev-parse", name)
    (repository / ".git/objects" / oid[:2] / oid[2:]).unlink()


def test_limit_and_since_leave_the_older_ones_out(folder_place: Place) -> None:
    for day in ("01", "02", "03"):
        a_commit(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=int(day)))
        date = {"GIT_COMMITTER_DATE": f"2026-01-{day}T12:00:00+02:00"}
        subprocess.run(
            ["git", "commit", "--quiet", "--amend", "--no-edit"],
            cwd=folder_place.repository, env=environment(IDENTITY | date), check=True,
        )  # fmt: skip
    times = [f"2026-01-{day}T10:00:00Z" for day in ("03", "02", "01")]

    def shown(*arguments: str) -> list[str]:
        return [entry["time"] for entry in entries(folder_place, *arguments)]

    assert shown() == times
    assert shown("-n", "2") == shown("--since", "2026-01-02") == times[:2]
    assert shown("--since", "2026-01-02T10:00:01Z") == times[:1]
    assert shown("--since", "2026-02-01") == shown("tiny/1.0", "--since", "2026-02-01") == []
    assert shown("--ref", "HEAD~2") == times[2:]
    assert folder_place.run("log", "--since", "2026-02-01").out.endswith("\n\nnothing changed\n")
    for arguments in (["-n", "0"], ["--since", "yesterday"]):
        assert folder_place.run("log", *arguments).code == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("tyni", "did you mean `tiny`?"),
        ("tiny/1.1", "did you mean `tiny/1.0`?"),
        ("nothing-like-it", "`registry log` shows all"),
        ("tiny/1.0/model.yaml", "registry log zen-gpt2/1.1"),
        ("tiny/..", "registry log zen-gpt2/1.1"),
        ("..", "registry log zen-gpt2/1.1"),
        ("/", "registry log zen-gpt2/1.1"),
        (":(top)tiny", "`registry log` shows all"),
        ("\x1b[2J", "`registry log` shows all"),
    ],
)
def test_a_name_that_was_never_there_is_an_error_with_the_nearest(folder_place: Place, asked: str, said: str) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    done = folder_place.run("log", asked)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert moves_no_cursor(done.err)


def test_a_folder_that_is_no_version_is_in_no_entry(folder_place: Place) -> None:
    write(folder_place.repository, "notes", {"readme.md": b"Hello.\n"})
    (folder_place.repository / "models" / "tiny").mkdir()
    (folder_place.repository / "models" / "tiny" / "1.0").symlink_to("../notes")
    a_commit(folder_place.repository, "tiny/1.1", a_version())
    assert [entry["model"] for entry in entries(folder_place)] == ["tiny/1.1"]


def test_versions_of_the_first_commit_and_another_folder_are_told_from_anywhere(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    for name, content in a_version().items():
        place = repository / "data/sets/tiny/1.0" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (repository / "pyproject.toml").write_text('[tool.registry]\nmodels = "data/sets"\n')
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=all")
    done = registry(repository / "data", "log", "tiny", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert [(e["model"], e["action"]) for e in done.json["entries"]] == [("tiny/1.0", "added")]


def test_a_shallow_clone_says_what_it_lacks(folder_place: Place, tmp_path: Path) -> None:
    for number in range(1, 4):
        a_commit(folder_place.repository, "tiny/1.0", changed(model_metainfo__num_params=number))
    git(tmp_path, "clone", "--quiet", "--depth=2", folder_place.repository.as_uri(), "shallow")
    shallow = tmp_path / "shallow"
    done = registry(shallow, "log", "tiny/1.0")
    assert done.code == 2
    assert "\n1 entry\nlacking: the history here begins with " in done.out
    assert done.out.endswith("\nhint: fetch the full history: git fetch --unshallow origin\n")
    assert registry(shallow, "log", "-n", "1").code == 0
    git(shallow, "fetch", "--quiet", "--unshallow", "origin")
    assert "\n3 entries\n" in registry(shallow, "log", "tiny/1.0").out


def test_without_storage_what_git_knows_is_shown(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())
    nowhere = {"REGISTRY_STORAGE": "http://127.0.0.1:9/account/models", "AZURE_STORAGE_KEY": "c2VjcmV0LWtleQ=="}
    done = folder_place.run("log", "--format", "json", **nowhere)
    assert (done.code, done.err) == (3, "")
    assert [entry["registered"] for entry in done.json["entries"]] == [None, None]
    assert len(done.json["problems"]) == 1
    said = folder_place.run("log", **nowhere)
    assert (said.code, said.out.count("lacking: "), "not registered" in said.out) == (3, 1, False)
    assert "c2VjcmV0" not in done.out + said.out + said.err


def test_a_damaged_receipt_takes_nothing_from_the_others(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())
    folder_place.run("reconcile")
    receipt = folder_place.repository / ".registry/storage/.registry/receipts/tiny/1.1/1.json"
    receipt.write_bytes(b"{")
    done = folder_place.run("log", "--format", "json")
    assert done.code == 1
    assert [e["registered"] and e["registered"]["outcome"] for e in done.json["entries"]] == [None, "registered"]
    [problem] = done.json["problems"]
    assert problem["message"] == ".registry/receipts/tiny/1.1/1.json in storage is damaged"


def test_settings_that_cannot_be_read_hide_nothing_of_git(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    (folder_place.repository / "pyproject.toml").write_text("[tool.registry]\nstorrage = 1\n")
    a_commit(folder_place.repository, "tiny/1.0", changed(license="BSD-3-Clause"))
    done = folder_place.run("log")
    assert done.code == 2
    assert f"\n{count(2, 'x').replace('xs', 'entries')}\nlacking: " in done.out
    assert "storrage" in done.out


EVIL = "@team <img src=x>|`#1`\x1b[2J\u202e"


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_strangers_write_names_and_messages_that_show_as_what_they_are(folder_place: Place, form: str) -> None:
    repository = folder_place.repository
    evil = a_descriptor(model_config__description="``` @team | <b> https://evil.example [x](y) \u202e", license="#1")
    write(repository, "tiny/1.0", a_version(evil))
    git(repository, "add", "--all")
    who = {"GIT_AUTHOR_NAME": EVIL, "GIT_AUTHOR_EMAIL": "a@b\udcff", "GIT_COMMITTER_NAME": "\u200b@all"}
    message = f"Merge pull request #99999999999 from {EVIL}\n\x01{'f' * 40}"
    subprocess.run(
        ["git", "commit", "--quiet", "--cleanup=verbatim", f"--message={message}"],
        cwd=repository, env=environment(IDENTITY | who), check=True,
    )  # fmt: skip
    folder_place.run("reconcile")
    done = folder_place.run("log", "--format", form)
    assert (done.code, done.err) == (0, "")
    assert moves_no_cursor(done.out)
    if form == "json":
        [entry] = done.json["entries"]
        assert entry["author"].startswith("@team img src=x|`#1`\x1b[2J\u202e <a@b")  # git itself takes `<` out
        assert (entry["pull_request"], len(entry["commit"])) == (None, 40)
        done.out.encode("utf-8")
    if form == "markdown":
        assert not any(mark in done.out for mark in ("@team", "<img", "<b>", "`#1`", "https://evil", "[x]", "```"))


def test_a_name_that_is_no_utf8_stops_neither_registration_nor_log(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    commit = (
        git(folder_place.repository, "cat-file", "commit", "HEAD").encode().replace(b"author Ada", b"author A\xffda")
    )
    store = ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    made = subprocess.run(store, cwd=folder_place.repository, input=commit, capture_output=True, check=True).stdout
    git(folder_place.repository, "reset", "--quiet", "--hard", made.decode().strip())
    assert folder_place.run("reconcile").code == 0
    [entry] = entries(folder_place)
    assert entry["author"] == "A\ufffdda <ada@example.com>"
    assert entry["registered"]["outcome"] == "registered"


def test_a_page_that_would_be_too_long_for_a_comment_says_so(folder_place: Place) -> None:
    write_many(folder_place.repository, 60)
    page = folder_place.run("log", "--format", "markdown").out
    assert len(page) < 65_536
    assert "The page ends here" in page
    assert folder_place.run("log").out.endswith("\n\n60 entries\n")


def write_many(repository: Path, number: int) -> None:
    """Many versions in one commit."""
    for index in range(number):
        files = changed(model_metainfo__input_description="é" * 2000, model_metainfo__num_params=index + 1)
        write(repository, f"many-{index}/1.0", files)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=many")


def test_a_reader_that_has_seen_enough_ends_it(folder_place: Place) -> None:
    write_many(folder_place.repository, 150)
    log = subprocess.Popen(
        [str(SCRIPT), "log"],
        cwd=folder_place.repository, env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert log.stdout is not None
    assert log.stderr is not None
    assert log.stdout.readline().startswith(b"all models up to ")
    log.stdout.close()
    said = log.stderr.read()
    log.stderr.close()
    assert log.wait(30) == 1
    assert said == b""


def test_no_setting_of_git_changes_what_is_told(folder_place: Place) -> None:
    repository = folder_place.repository
    a_commit(repository, "tiny/1.0", a_version())
    merge(repository, "tiny/1.0", changed(license="BSD-3-Clause"), 7, author="Zoë <zoë@example.com>")
    git(repository, "checkout", "--quiet", "--orphan", "other")
    a_commit(repository, "tiny/1.1", a_version())
    before = [entries(folder_place, *ref) for ref in ([], ["--ref", "main"])]
    assert [len(found) for found in before] == [2, 2]
    settings = {"log.showSignature": "true", "log.follow": "true", "log.showRoot": "false", "diff.renames": "copies"}
    settings |= {"i18n.logOutputEncoding": "latin1", "color.ui": "always", "log.diffMerges": "separate"}
    settings |= {"log.mailmap": "true", "diff.relative": "true", "format.pretty": "oneline", "log.decorate": "full"}
    for key, value in settings.items():
        git(repository, "config", key, value)
    assert [entries(folder_place, *ref) for ref in ([], ["--ref", "main"])] == before
    assert before[1][0]["author"] == "Zoë <zoë@example.com>"


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_folder_may_have_any_name(folder_place: Place, form: str) -> None:
    names = ["a|b`@team`/1.0", "-n/--all", "a\nb\x1b[2J/1.0", "\udcff/1.0", ":(top)x/..1", "\x01/1.0", "é/1.0"]
    for name in names:
        a_commit(folder_place.repository, name, a_version())
    done = folder_place.run("log", "--format", form)
    assert (done.code, done.err, moves_no_cursor(done.out)) == (0, "", True)
    if form == "json":
        assert {entry["model"] for entry in done.json["entries"]} == set(names)
        for name in names[0], names[2], names[4]:
            assert [entry["model"] for entry in entries(folder_place, name)] == [name]
    if form == "markdown":
        assert "`@team`" not in done.out


def test_ids_may_be_those_of_sha256(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "--object-format=sha256", "long")
    a_commit(tmp_path / "long", "tiny/1.0", a_version())
    done = registry(tmp_path / "long", "log", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert [(e["model"], len(e["commit"])) for e in done.json["entries"]] == [("tiny/1.0", 64)]
