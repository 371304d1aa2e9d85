"""What act says of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Annotation:
    """What the forge shows on a line of a file."""

    level: str  # error, warning or notice
    file: str
    line: int
    column: int
    title: str
    message: str


@dataclass(frozen=True)
class Run:
    """How the run of one workflow ended; a job that did not run is not in `jobs`."""

    jobs: Mapping[str, str] = field(default_factory=dict)  # job id → success, failure, …
    annotations: tuple[Annotation, ...] = ()
    summary: str = ""
    log: str = ""


def parse_run(output: str) -> Run:
    """What act wrote, line by line; some lines are not JSON."""
    lines = [json.loads(line) if line.startswith("{") else {"msg": line + "\n"} for line in output.splitlines()]
    return Run(
        jobs={line["jobID"]: line["jobResult"] for line in lines if "jobResult" in line},
        annotations=tuple(_annotation(line) for line in lines if line.get("command") in ("error", "warning", "notice")),
        summary="".join(line["content"] for line in lines if line.get("command") == "summary"),
        log="".join(line["msg"] if line["msg"].endswith("\n") else line["msg"] + "\n" for line in lines),
    )


def _annotation(line: Mapping[str, Any]) -> Annotation:
    place = line["kvPairs"] or {}
    where = (place.get("file", ""), int(place.get("line", 0)), int(place.get("col", 0)))
    return Annotation(line["command"], *where, place.get("title", ""), line["arg"])
