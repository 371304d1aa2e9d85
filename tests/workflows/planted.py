"""What a hostile tree brings: files that write their own name when something runs them."""

from __future__ import annotations

import textwrap
from pathlib import Path


def plant(clone: Path, marker: Path) -> None:
    """Put into a tree what would write its own name into `marker` when Python, pip or a shell took it from there."""
    python = ["sitecustomize.py", "usercustomize.py", "conftest.py", "setup.py", "click.py", "git.py", "yaml.py"]
    python += ["venv.py", "pip.py", "json.py", "registry/__init__.py", "registry/cli/__init__.py", "registry/git.py"]
    for name in python:
        (clone / name).write_text(f"with open({str(marker)!r}, 'a') as file:\n    file.write({name + ' '!r})\n")
    for name in ("registry-command", "python", "pip", "git", "head"):
        script = clone / name
        script.write_text(f"#!/bin/sh\necho {name} >> '{marker}'\n")
        script.chmod(0o755)
    (clone / "requirements" / "run.txt").write_text("./\n")
    (clone / "pip.conf").write_text("[global]\nno-index = true\n")
    (clone / "pyproject.toml").write_text(
        textwrap.dedent(
            """
            [build-system]
            requires = []
            build-backend = "setup"
            backend-path = ["."]
            [project]
            name = "registry"
            version = "6.6.6"
            [tool.registry.severity]
            unknown-key = "off"
            """
        )
    )
