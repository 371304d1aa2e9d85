"""A merge patch of a record: what a registered version may change, and what it may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from registry.policy import Policy
from registry.server.body import check_sections, check_urls, hide_passwords, take_passwords
from registry.server.files import Files, complete
from registry.server.problems import Detail, differing, invalid, pointer
from registry.server.records import Draft, Record
from registry.wire import Json, is_same, page_files, without_query

FROZEN = "a registered version keeps its content; register a new version instead"

_MAY_CHANGE = (("model_config", "description"), ("model_config", "private"), ("model_metainfo",), ("provenance",))
_SHOWN = 80  # characters of a value: enough to recognise it


def make_amended(record: Record, patch: Json, shown: Json, files: Files, policy: Policy) -> Draft:
    """The record as the patch (RFC 7396) makes it; ProblemError 409 for what may not change, 422 for what is wrong.

    `shown` is the record as GET answers it: what the author of the patch has seen.
    """
    take_passwords(patch)
    changes = _file_changes(patch)
    urls = {target: url for target, url in changes.items() if url is not None}
    before = {**shown, **record.sections}
    after = merge(before, _without_equal_packages(patch, shown))
    kept = {target: entry for target, entry in before["model_files"].items() if target not in changes}
    after["model_files"] = {**kept, **complete(files.find(record.model, urls), urls, record)}
    _refuse(difference for difference in differences(before, after) if not _may_change(difference[0], before))
    sections = _checked(after, policy)
    _refuse(difference for difference in differences(before, sections) if _is_no_page(difference[0], sections))
    sections["model_files"] = files.bring(
        record.model, after["model_files"], urls, new=urls.keys() - before["model_files"]
    )
    return _draft(record, after, sections, patch)


def merge(value: Any, patch: Any) -> Any:
    """The value as a merge patch makes it (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), change)
    return merged


Difference = tuple[tuple[str, ...], Any, Any]  # keys, before, after


def differences(before: Any, after: Any, keys: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Where two JSON values differ; lists and files are compared whole, and null is as good as absent."""
    is_file = len(keys) == 2 and keys[0] == "model_files"
    if isinstance(before, dict) and isinstance(after, dict) and not is_file:
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), (*keys, key))
    elif not is_same(before, after):
        yield keys, before, after


def to_detail(difference: Difference) -> Detail:
    """A difference as an entry of `errors[]`."""
    keys, before, after = difference
    field = ".".join(keys)
    detail = f"`{field}`: {_show(before)} → {_show(after)}"
    return {"pointer": pointer(keys), "field": field, "detail": detail, "rule": "registered-content"}


def _file_changes(patch: Json) -> dict[str, str | None]:
    """Target → URL, or None where it is taken out."""
    changes = patch.pop("model_files", {})
    if not isinstance(changes, dict):
        raise invalid([{"pointer": "/model_files", "detail": "an object of targets and URLs belongs here"}])
    details = list(check_urls({target: url for target, url in changes.items() if url is not None}))
    if details:
        raise invalid(details)
    return changes


def _without_equal_packages(patch: Json, shown: Json) -> Json:
    """Packages are shown by URL and kept by target: the same URLs, whatever their query, change nothing."""
    given = patch.get("private_packages")
    plain = [without_query(url) if isinstance(url, str) else url for url in given] if isinstance(given, list) else None
    is_equal = plain == [without_query(url) for url in shown["private_packages"]]
    return {key: value for key, value in patch.items() if not (is_equal and key == "private_packages")}


def _may_change(keys: tuple[str, ...], before: Json) -> bool:
    if keys[0] == "model_files":
        return keys[1] not in before["model_files"] or keys[1] in page_files(before)
    return any(keys[: len(allowed)] == allowed for allowed in _MAY_CHANGE)


def _is_no_page(keys: tuple[str, ...], after: Json) -> bool:
    return keys[0] == "model_files" and keys[1] in after["model_files"] and keys[1] not in page_files(after)


def _refuse(found: Iterator[Difference]) -> None:
    if details := [to_detail(difference) for difference in found]:
        raise differing(details, FROZEN)


def _checked(after: Json, policy: Policy) -> Json:
    value = json.loads(json.dumps(after))  # what is not patched is the record's own
    hide_passwords(value)
    sections, details = check_sections(value, policy)
    if sections is None or details:
        raise invalid(details)
    return {**sections, "model_files": after["model_files"]}


def _draft(record: Record, after: Json, sections: Json, patch: Json) -> Draft:
    fetched = {target: entry["url"] for target, entry in after["model_files"].items() if "url" in entry}
    kept = {t: url for t, url in record.sources.items() if sections["model_files"].get(t) == record.entry(t)}
    # Only a generation that this request names is held against the lock's; the record keeps an older one in between.
    generation = patch.get("provenance", {}).get("generation") if patch.get("provenance") else None
    return Draft(record.model, sections, after.get("provenance", {}), {**kept, **fetched}, generation)


def _show(value: Any) -> str:
    if value is None:
        return "absent"
    if isinstance(value, dict) and value.keys() == {"sha256", "size"}:
        return f"sha256 {str(value['sha256'])[:12]}… ({value['size']} bytes)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
