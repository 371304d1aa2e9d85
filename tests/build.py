"""Small real things for tests: descriptors, repositories, commits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from registry.identity import ModelId
from registry.snapshot import Version, make_snapshot
from registry.tree import TreeFile

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Grace",
    "GIT_COMMITTER_EMAIL": "grace@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

FILES = {
    "inference.py": b"def init(model_path):\n    pass\n\n\ndef run(data):\n    return data\n",
    "environment.yml": b"name: tiny\ndependencies:\n  - python=3.11\n",
    "index.md": b"# Tiny\n\nA model for tests.\n",
    "model.bin": b"\x00\x01weights\xff",
}


def a_descriptor(**changes: Any) -> dict[str, Any]:
    """A complete descriptor over FILES; `a__b=value` changes `b` in `a`, and None takes a key out."""
    descriptor: dict[str, Any] = {
        "model_config": {
            "type": "ENCODER",
            "description": "A tiny encoder.",
            "inference_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"},
        },
        "model_files": {name: f"./{name}" for name in FILES},
        "model_metainfo": {
            "index_page_file": "index.md",
            "input_types": ["NATURAL_LANGUAGE"],
            "input_languages": ["en"],
            "input_description": "A sentence.",
            "output_types": ["OTHER"],
            "output_description": "A vector.",
            "num_params": 9,
        },
        "license": "MIT",
    }
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = descriptor
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return descriptor


def a_version(descriptor: Mapping[str, Any] | None = None, **files: bytes) -> dict[str, bytes]:
    """The files of one version's folder; keywords replace files, with `__` for a dot."""
    text = yaml.safe_dump(dict(descriptor or a_descriptor()), sort_keys=False, allow_unicode=True)
    changed = {name.replace("__", "."): content for name, content in files.items()}
    return {**FILES, "model.yaml": text.encode(), **changed}


def a_tiny_version(descriptor: Mapping[str, Any] | None = None, model: str = "tiny/1.0", **files: bytes) -> Version:
    """The version of such a folder, as a snapshot holds it."""
    found = a_version(descriptor, **files)
    tree = [TreeFile(f"models/{model}/{name}", "100644", "", len(data), data) for name, data in found.items()]
    return make_snapshot(tree, "models").versions[ModelId(*model.split("/"))]


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    environment = {**os.environ, **IDENTITY}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def a_repository(folder: Path, settings: str = "[tool.registry]\n") -> Path:
    """A new repository whose first commit holds the settings alone."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "pyproject.toml").write_text(settings)
    (folder / ".gitignore").write_text(".registry/\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=settings")
    return folder


def write(repository: Path, model: str, files: Mapping[str, bytes]) -> None:
    """Put the files of `name/version` into the working tree."""
    for name, content in files.items():
        place = repository / "models" / model / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def a_commit(repository: Path, model: str, files: Mapping[str, bytes]) -> str:
    """Commit the files of `name/version`; returns the commit's id."""
    write(repository, model, files)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", f"--message={model}")
    return git(repository, "rev-parse", "HEAD")
