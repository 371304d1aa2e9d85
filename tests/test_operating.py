"""What the page for operators says holds: commands, options, variables, measures, limits and files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import click
import pytest

from registry.cli import COMMANDS, cli
from registry.server.body import MAX_BYTES
from registry.server.counts import Counts
from registry.server.entrance import MOST_AT_ONCE
from registry.server.metrics import Metrics
from registry.server.records import Records

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operating.md").read_text()
UNIT = ROOT / "docs" / "operating" / "registry.service"
CONTAINER = ROOT / "docs" / "operating" / "Containerfile"
CODE = "".join(file.read_text() for file in (ROOT / "registry").rglob("*.py"))
FOREIGN = {"FORWARDED_ALLOW_IPS"}  # the server's own


def options(command: str) -> set[str]:
    """The options of a command."""
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    return {name for parameter in found.params for name in parameter.opts}


@pytest.mark.parametrize("text", [PAGE, UNIT.read_text(), CONTAINER.read_text()], ids=["page", "unit", "container"])
def test_every_command_and_option_exists(text: str) -> None:
    for command in re.findall(r"(?:`|bin/|\$ )registry ([a-z]+)", text):
        assert command in COMMANDS
    for line in re.findall(r"registry serve ([^\n`]*)", text):
        assert set(re.findall(r"--[a-z]+", line)) <= options("serve")
    for option in re.findall(r"`(--[a-z-]+)`", text):
        assert option in options("serve") | options("reconcile")


def test_the_container_starts_the_endpoint_with_options_that_it_has() -> None:
    entry = re.search(r"ENTRYPOINT \[(.*)\]", CONTAINER.read_text())
    assert entry is not None
    words = re.findall(r'"([^"]+)"', entry[1])
    assert words[:2] == ["registry", "serve"]
    assert {word for word in words if word.startswith("--")} <= options("serve")
    for source in re.findall(r"/src/(\S+)", CONTAINER.read_text()):
        assert (ROOT / source).is_file()


def test_every_variable_is_one_that_the_code_reads() -> None:
    named = set(re.findall(r"\b(?:REGISTRY|AZURE|FORWARDED)(?:_[A-Z]+)+\b", PAGE + UNIT.read_text())) - FOREIGN
    assert {name for name in named if name.removesuffix("_") not in CODE} == set()


def test_every_measure_is_one_of_the_endpoint(tmp_path: Path) -> None:
    with closing(Records(f"sqlite:///{tmp_path / 'registry.db'}")) as records:
        counts = Counts(records)()
    metrics = Metrics(lambda: counts)
    metrics.count("GET", "/healthz", 200, 0.1)
    known = metrics.render().decode()
    for name in re.findall(r"`((?:registry|process)_[a-z_]+)", PAGE):
        assert f"\n# TYPE {name} " in known


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{MAX_BYTES // 1024 // 1024} MiB" in PAGE
    assert f"| {MOST_AT_ONCE} in each process (503) |" in PAGE


def test_the_page_and_its_files_are_found() -> None:
    assert "docs/operating.md" in (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists()


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze was not found")
        pytest.skip("systemd-analyze was not found")
    command = tmp_path / "registry"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/registry/bin/registry", str(command)))
    done = subprocess.run([tool, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert "registry.service" not in done.stderr + done.stdout
    assert done.returncode == 0
