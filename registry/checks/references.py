"""References: what a descriptor names is there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from registry.checks.sources import local_problem, source_place
from registry.finding import Finding
from registry.identity import ModelId, parse_model_id
from registry.policy import Policy
from registry.snapshot import Version
from registry.spelling import guess

Keys = tuple[str | int, ...]
_LISTED = 50  # images or packages; a longer list is a finding of its own
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")

_MOST_GUESSES = 20  # in one version; each compares a name with many
_NEAR = 50  # versions before and after a name in their order, among which the one that was meant is looked for

PYTHON = (".py",)
YAML = (".yml", ".yaml")
MARKDOWN = (".md",)
PICTURE = (".png", ".jpg", ".jpeg", ".gif", ".webp")
PACKAGE = (".whl", ".tar.gz", ".zip")


def check_scripts(version: Version, _: Policy) -> Iterator[Finding]:
    """Each entry script is a target, a Python file."""
    for key in version.environments:
        yield from _target(version, ("model_config", key, "entry_script"), "entry-script-unknown", PYTHON)


def check_conda_files(version: Version, _: Policy) -> Iterator[Finding]:
    """Each conda file is a target, a YAML file."""
    for key in version.environments:
        yield from _target(version, ("model_config", key, "conda_env"), "conda-file-unknown", YAML)


def check_pages(version: Version, _: Policy) -> Iterator[Finding]:
    """The index page and the images are targets, a Markdown file and pictures."""
    yield from _target(version, ("model_metainfo", "index_page_file"), "index-page-unknown", MARKDOWN)
    for index, _text in version.texts("model_metainfo", "images")[:_LISTED]:
        yield from _target(version, ("model_metainfo", "images", index), "image-unknown", PICTURE)


def check_packages(version: Version, _: Policy) -> Iterator[Finding]:
    """Each private package is a target, a wheel or an sdist."""
    for index, _text in version.texts("private_packages")[:_LISTED]:
        yield from _target(version, ("private_packages", index), "package-unknown", PACKAGE)


def check_local_files(version: Version, _: Policy) -> Iterator[Finding]:
    """Each file named with `./` stands beside the descriptor."""
    locals_ = {target: local for target in version.keys("model_files") if (local := version.local(target)) is not None}
    missing = {t: x for t, x in locals_.items() if x not in version.files and local_problem(x) is None}
    unnamed = version.files.keys() - set(locals_.values()) if missing else set()
    for number, (target, local) in enumerate(missing.items()):
        guessed = guess(local, sorted(unnamed) if number < _MOST_GUESSES else ())
        advice = f"Did you mean `./{guessed.near}`?" if guessed.near else "Add the file to git, or correct the path"
        fix = f"./{guessed.sure}" if guessed.sure else None
        yield source_place(version, target).finding(
            "local-file-missing", f"`./{local}` is not there. {advice}", found=f"./{local}", fix=fix
        )


def check_parent(version: Version, names: Sequence[ModelId]) -> Iterator[Finding]:
    """`parent` names another version, which may live elsewhere; `names` are all versions beside it, sorted."""
    if (text := version.text("parent")) is None:
        return
    problem = version_name_problem(text, version.id)
    if problem is None and is_among(text, names):
        return
    place, near = version.place("parent"), nearest_version(text, version.id, names)
    advice = f"Did you mean `{near}`?" if near else ""
    if problem:
        advice = advice or "Name the version that this one was made from, or take the line out"
        yield place.finding("parent-invalid", f"`parent` {problem}. {advice}", found=text, fix=near)
    else:
        advice = advice or "Nothing is wrong with that if it lives elsewhere"
        yield place.finding("parent-unknown", f"`{text}` is not in this repository. {advice}", found=text, fix=near)


def version_name_problem(text: str, own: ModelId) -> str | None:
    """Why a text does not name another version than `own`, in words that follow its key; None where it does."""
    if text == str(own):
        return "is this version itself"
    return None if parse_model_id(text) else f"is `{text}`, not `NAME/VERSION`"


def is_among(text: str, names: Sequence[ModelId]) -> bool:
    """Whether a text names one of these versions."""
    if (model := parse_model_id(text)) is None:
        return False
    place = bisect_left(names, model)
    return place < len(names) and names[place] == model


def nearest_version(text: str, own: ModelId, names: Sequence[ModelId]) -> str | None:
    """The version that was probably meant: of the model that is named, or of the own one where none is."""
    name, _, version = text.partition("/") if "/" in text else (own.name, "", text)
    place = bisect_left(names, (name, version))
    near = names[
        max(0, place - _NEAR) : place + _NEAR
    ]  # a look for likeness takes long, and a model may have thousands
    return guess(f"{name}/{version}", [str(model) for model in near if model.name == name and model != own]).near


CHECKS = (check_scripts, check_conda_files, check_pages, check_packages, check_local_files)


def _target(version: Version, keys: Keys, rule: str, suffixes: tuple[str, ...]) -> Iterator[Finding]:
    value = version.value(*keys)
    if value is None:
        return
    targets = version.keys("model_files")
    if value in targets:
        if not value.lower().endswith(suffixes):
            expected = " or ".join(f"`*{suffix}`" for suffix in suffixes)
            message = f"`{value}` is not {expected}. Name another target"
            yield version.place(*keys).finding(rule, message, found=value, expected=expected)
    elif _URL.match(value):
        near = next((t for t in targets if version.source(t) == value), None) or _named_by(value, targets)
        advice = f"Write the target, `{near}`" if near else "Add it to `model_files` under a name, and write that name"
        message = f"a target belongs here, not a URL. {advice}"
        yield version.place(*keys).finding("url-not-a-target", message, found=value, fix=near)
    else:
        plain, fit = value.removeprefix("./"), [t for t in targets if t.lower().endswith(suffixes)]
        guessed = guess(plain, fit)
        fix = _named_by(plain, fit) or guessed.sure
        near = fix or guessed.near
        advice = f"Did you mean `{near}`?" if near else f"Add it to `model_files`, such as `{value}: ./{value}`"
        message = f"`{value}` is not in `model_files`. {advice}"
        yield version.place(*keys).finding(rule, message, found=value, fix=fix)


def _named_by(path: str, targets: Iterable[str]) -> str | None:
    """The one target that has the name at the end of a path or URL."""
    name = path.partition("?")[0].partition("#")[0].rpartition("/")[2]
    named = [target for target in targets if target.rpartition("/")[2] == name]
    return named[0] if len(named) == 1 else None
