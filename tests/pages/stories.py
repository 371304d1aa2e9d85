"""What pull requests do: each story changes a repository whose base is committed, and is told by its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.build import a_commit, a_descriptor, a_repository, a_version, git, write

UPLOADS = "https://account.blob.core.windows.net/uploads"
PIN = {"sha256": "53c1a0" + "0" * 58, "size": 441_000_000}
SETTINGS = f'[tool.registry]\n[tool.registry.policy]\nsources = ["{UPLOADS}/", "https://mirror.example.com/"]\n'
OWNERS = "/models/ @acme/model-reviewers\n/.github/ @acme/maintainers\n/pyproject.toml @acme/maintainers\n"
INDEX = b"""# Tiny

A model for tests. It reads a sentence and writes a vector.

## Use

Load it with the script, and call `run`.

## Limits

It knows nothing of long texts.
"""


def a_base(folder: Path) -> Path:
    """A repository with two models on main: one with all files in git, one with remote weights."""
    repository = a_repository(folder, SETTINGS)
    (repository / ".github").mkdir()
    (repository / ".github" / "CODEOWNERS").write_text(OWNERS)
    (repository / "README.md").write_text("Our models.\n")
    write(repository, "tiny/1.0", a_version(index__md=INDEX))
    a_commit(repository, "big/1.0", a_version(a_big_one()))
    return repository


def a_big_one(**changes: Any) -> dict[str, Any]:
    """A descriptor with remote weights."""
    weights = {"source": f"{UPLOADS}/big/model.safetensors", **PIN}
    metainfo = {"model_metainfo__num_params": 110_000_000, "model_files__model.safetensors": weights}
    return a_descriptor(**{**metainfo, **changes})


def first_version(repository: Path) -> None:
    """A model that was not there before."""
    write(repository, "small/0.1", a_version(a_descriptor(parent="tiny/1.0"), index__md=INDEX))


def new_version(repository: Path) -> None:
    """The next version of a model, larger and with another language."""
    changes: Mapping[str, Any] = {
        "model_config__description": "A tiny encoder that reads French too.",
        "model_metainfo__num_params": 141_056,
        "model_metainfo__input_languages": ["en", "fr"],
        "parent": "tiny/1.0",
    }
    index = INDEX.replace(b"A model for tests.", b"A model for tests in two languages.")
    write(repository, "tiny/1.1", a_version(a_descriptor(**changes), index__md=index, model__bin=b"w" * 567_000))


def metainfo_amended(repository: Path) -> None:
    """Words and languages of a registered version are corrected."""
    said = "A sentence of at most five hundred and twelve words, in English or in German."
    changes: Mapping[str, Any] = {
        "model_metainfo__input_description": said,
        "model_metainfo__output_description": "A vector of 128 numbers.",
        "model_metainfo__input_languages": ["de", "en"],
        "license": "Apache-2.0",
    }
    index = INDEX.replace(b"long texts", b"long texts, and little of short ones")
    write(repository, "tiny/1.0", a_version(a_descriptor(**changes), index__md=index))


def files_changed(repository: Path) -> None:
    """A registered version gets other weights and one file more, which it may not."""
    descriptor = a_descriptor(model_files__vocab="./vocab")
    write(repository, "tiny/1.0", a_version(descriptor, model__bin=b"other weights", vocab=b"a\nb\n"))


def type_changed(repository: Path) -> None:
    """A registered version says that it is something else, which it may not."""
    write(repository, "tiny/1.0", a_version(a_descriptor(model_config__type="DECODER"), index__md=INDEX))


def deprecated(repository: Path) -> None:
    """A version should not be used any more, and a better one is there."""
    lifecycle = {"state": "deprecated", "reason": "It knows half of the words.", "replaced_by": "big/1.0"}
    write(repository, "tiny/1.0", a_version(a_descriptor(lifecycle=lifecycle), index__md=INDEX))


def withdrawn(repository: Path) -> None:
    """A version is taken out of the lists."""
    lifecycle = {"state": "withdrawn", "reason": "Its licence was not what we thought."}
    write(repository, "tiny/1.0", a_version(a_descriptor(lifecycle=lifecycle), index__md=INDEX))


def removed(repository: Path) -> None:
    """A withdrawn version is removed for ever."""
    withdrawn(repository)
    git(repository, "commit", "--quiet", "--all", "--message=withdrawn")
    git(repository, "branch", "--force", "base")
    shutil.rmtree(repository / "models/tiny/1.0")
    removal = b"lifecycle: {state: removed, reason: Its licence was not what we thought.}\n"
    write(repository, "tiny/1.0", {"model.yaml": removal})


def folder_gone(repository: Path) -> None:
    """A folder is deleted, as if that removed something."""
    shutil.rmtree(repository / "models/tiny")


def renamed_model(repository: Path) -> None:
    """A folder is renamed, as if that renamed the model."""
    shutil.move(repository / "models/tiny", repository / "models/small")
    write(repository, "small/1.0", {"model.yaml": a_version(a_descriptor(license="ISC"))["model.yaml"]})


def made_public(repository: Path) -> None:
    """A version is shown to everyone."""
    write(repository, "tiny/1.0", a_version(a_descriptor(model_config__private=False), index__md=INDEX))


def renamed_file(repository: Path) -> None:
    """A new version calls its weights by another name."""
    descriptor = a_descriptor(**{"model_files__encoder.bin": "./encoder.bin"})
    del descriptor["model_files"]["model.bin"]
    files = a_version(descriptor, index__md=INDEX)
    files["encoder.bin"] = files.pop("model.bin")
    write(repository, "tiny/1.1", files)


def moved_weights(repository: Path) -> None:
    """The pinned weights of a registered version come from a mirror."""
    weights = {"source": "https://mirror.example.com/big.safetensors", **PIN}
    write(repository, "big/1.0", a_version(a_big_one(**{"model_files__model.safetensors": weights})))


def sixty_models(repository: Path) -> None:
    """Sixty models come at once."""
    for number in range(60):
        descriptor = a_descriptor(model_config__description=f"Model number {number}.")
        write(repository, f"many-{number:02}/1.0", a_version(descriptor))


def cut_for_size(repository: Path) -> None:
    """Three hundred versions with long pages and words: far more than a comment holds."""
    for number in range(300):
        files = {f"data/{number:03}-{index:04}.txt": f"{UPLOADS}/{'x' * 60}/{index}" for index in range(12)}
        descriptor = a_descriptor(model_metainfo__input_description="long words " * 180)
        descriptor["model_files"] |= {target: {"source": source, **PIN} for target, source in files.items()}
        index = b"".join(b"line %d of a long page\n" % line for line in range(100))
        write(repository, f"huge/1.{number}", a_version(descriptor, index__md=index))


def hostile_words(repository: Path) -> None:
    """A stranger writes markup, mentions, links and control characters wherever words are taken."""
    evil = "<img src=x onerror=alert(1)> @acme/maintainers #1 [click](https://evil.example) `x` | </details> <!--"
    changes: Mapping[str, Any] = {
        "model_config__description": evil,
        "model_metainfo__input_description": f"{evil}\n\n# Approved\n\n- [x] merge this\n\u202egnp.exe",
        "model_files__a|b`c<i>": "./model.bin",
        "license": "MIT",
    }
    index = f"# Tiny\n\n```\n</pre></details>\n\n@acme/maintainers approve\n{evil}\n````\n~~~\n"
    write(repository, "tiny/1.1", a_version(a_descriptor(**changes), index__md=index.encode()))


def broken_descriptor(repository: Path) -> None:
    """A descriptor cannot be read, and a good one comes beside it."""
    broken = a_version()["model.yaml"].replace(b"model_files:", b"model_files: [")
    write(repository, "tiny/1.0", a_version(model__yaml=broken, index__md=INDEX))
    write(repository, "tiny/1.1", a_version(index__md=INDEX))


def nothing_to_review(repository: Path) -> None:
    """Only the README changes."""
    (repository / "README.md").write_text("Our models, and how to use them.\n")


def settings_loosened(repository: Path) -> None:
    """The pull request allows itself another source."""
    (repository / "pyproject.toml").write_text(SETTINGS.replace("mirror", "evil"))
    weights = {"source": "https://evil.example.com/w.bin", **PIN}
    write(repository, "big/1.1", a_version(a_big_one(**{"model_files__model.safetensors": weights})))


def changed_workflow(repository: Path) -> None:
    """A workflow and the owners change beside a model."""
    (repository / ".github" / "CODEOWNERS").write_text("* @mallory\n")
    (repository / ".github" / "workflows").mkdir()
    (repository / ".github" / "workflows" / "validate.yml").write_text("on: push\n")
    metainfo_amended(repository)


STORIES: Mapping[str, Callable[[Path], None]] = {
    story.__name__.replace("_", "-"): story
    for story in (
        first_version, new_version, metainfo_amended, files_changed, type_changed, deprecated, withdrawn, removed,
        folder_gone, renamed_model, made_public, renamed_file, moved_weights, sixty_models, cut_for_size, hostile_words,
        broken_descriptor, nothing_to_review, settings_loosened, changed_workflow,
    )
}  # fmt: skip
