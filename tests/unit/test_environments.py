"""Conda files and docker images: which are taken, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checks.environments import conda_problem, image_problem
from tests.heads import judged

SHA256 = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "image",
    [
        "python",
        "python:3.11",
        "library/python:3.11-slim_1.0",
        "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04",
        "registry.example.com:5000/team/a__b/c--d.e:latest",
        "localhost:5000/model",
        "[2001:db8::1]:5000/model",
        "Registry.Example.com/model",
        f"python@sha256:{SHA256}",
        f"registry.example.com/python:3.11@sha256:{SHA256}",
        "python@multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    ],
)
def test_an_oci_reference_is_an_image(image: str) -> None:
    assert image_problem(image) is None


@pytest.mark.parametrize(
    "image",
    [
        "",
        " python",
        "python\n",
        "Python:3.11",
        "https://registry.example.com/python",
        "python:3.11:latest",
        "python:",
        "python@sha256:abc",
        f"python@sha256:{SHA256.upper()}",
        "python:" + "a" * 129,
        "team/" + "a" * 252,
        "team//python",
        "a..b",
        "a___b",
        "-python",
        "registry.example.com:port/python",
        "${IMAGE}",
        "/python",
    ],
)
def test_anything_else_is_none(image: str) -> None:
    assert image_problem(image)


def test_each_environment_is_looked_at(tmp_path: Path) -> None:
    environment = {"entry_script": "training.py", "docker_image": "Python:3.11"}
    (finding,) = judged(tmp_path, {"training.py": b""}, model_config__training_properties=environment)
    assert (finding.rule, finding.field) == ("docker-image-invalid", "model_config.training_properties.docker_image")
    assert "lower case" in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "dependencies: []",
        "name: tiny\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip:\n    - torch==2.1\n",
        "versions: &v [python=3.11]\ndependencies: *v\n",
        "x: !!str 1\ndependencies: []\n",
        "<<: {dependencies: []}\n",
        "name: a\nname: b\ndependencies: []\nprefix: C:\\a\n",
        "# only\n---\ndependencies: []\n",
    ],
)
def test_a_conda_file_is_its_authors_own(text: str) -> None:
    assert conda_problem(text.encode()) is None


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", (1, 1)),
        (b"- python", (1, 1)),
        (b"python", (1, 1)),
        (b"name: tiny\n", (1, 1)),
        (b"dependencies:\n", (1, 14)),
        (b"name: tiny\ndependencies:\n  python: 3.11\n", (3, 3)),
        (b"name: tiny\ndependencies: [python\n", (2, 15)),
        (b"name: \xff\n", (1, 7)),
        (b"dependencies: []\n---\ndependencies: []\n", (2, 1)),
        (b"dependencies:\n\t- python\n", (2, 1)),
        (b"#" * 300_000, (1, 1)),
    ],
)
def test_what_conda_cannot_read_is_said_with_its_place(data: bytes, place: tuple[int, int]) -> None:
    problem = conda_problem(data)
    assert problem is not None
    assert (problem.line, problem.column) == place


def test_a_conda_file_is_named_by_its_own_path(tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, {"environment.yml": b"name: tiny\ndependencies: python\n"})
    assert (finding.rule, finding.path) == ("conda-file-invalid", "models/tiny/1.0/environment.yml")
    assert (finding.line, finding.column) == (2, 15)


@given(st.binary(max_size=200) | st.text(st.sampled_from("dependencies: \n\t-[]{}&*!|>'\"#,?%@`")).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_conda_file_or_a_problem(data: bytes) -> None:
    problem = conda_problem(data)
    assert problem is None or problem.message


@given(st.text() | st.text(st.sampled_from("ab09A:@/._-[]"), max_size=600))
def test_any_text_is_an_image_or_not(text: str) -> None:
    assert image_problem(text) is None or image_problem(text)
