"""Pairs each function of a folder with the sentence that documents it."""

from __future__ import annotations

import ast
import json
from pathlib import Path


def run(data_dir: str) -> None:
    """Read each `*.py` below `data_dir`, and write one pair a line to `pairs.jsonl` there."""
    folder = Path(data_dir)
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as pairs:
        for path in sorted(folder.rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(function, ast.FunctionDef) and (sentence := ast.get_docstring(function)):
                    pairs.write(json.dumps({"code": ast.unparse(function), "text": sentence}) + "\n")
