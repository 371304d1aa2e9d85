"""How pinning ended, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.report.json import FORMAT
from registry.report.words import count, printable, size

if TYPE_CHECKING:
    from registry.pins import Outcomes, Result


def render_text(outcomes: Outcomes) -> str:
    """Verdict first, then each target, then the next step."""
    if not outcomes.results:
        return "nothing to pin: no remote file lacks `sha256` or `size`\n"
    counted = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.counts().items() if number)
    lines = [f"{'failed' if outcomes.exit_code else 'ok'}: {counted}"]
    for result in outcomes.results:
        lines += ["", *_result(result)]
    return "\n".join([*lines, "", f"next: {_NEXT[outcomes.exit_code]}"]) + "\n"


def render_json(outcomes: Outcomes) -> str:
    """`{format, targets, counts}`."""
    targets = [_json(result) for result in outcomes.results]
    return json.dumps({"format": FORMAT, "targets": targets, "counts": outcomes.counts()}, indent=2) + "\n"


_NEXT = {
    0: "registry validate",
    1: "mend what is named above, then run `registry pin` again",
    3: "run `registry pin` again",
}


def _result(result: Result) -> list[str]:
    name = f"{result.outcome} {printable(str(result.model))}" + (
        f" {printable(result.target)}" if result.target else ""
    )
    if result.reason:
        again = " (running again may help)" if result.retryable else ""
        hint = [f"    hint: {printable(result.hint)}"] if result.hint else []
        return [f"{name}: {printable(result.reason)}{again}", *hint]
    if result.pin is None:
        return [name]
    return [
        name,
        f"    size {count(result.pin.size, 'byte')} ({size(result.pin.size)})",
        f"    sha256 {result.pin.sha256}",
    ]


def _json(result: Result) -> dict[str, Any]:
    return {
        "model": str(result.model),
        "target": result.target,
        "outcome": result.outcome,
        "sha256": result.pin.sha256 if result.pin else None,
        "size": result.pin.size if result.pin else None,
        "reason": result.reason,
        "hint": result.hint,
        "retryable": result.retryable,
    }
