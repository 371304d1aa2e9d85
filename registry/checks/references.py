"""References: what a descriptor names is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from registry.checks.sources import local_problem, source_place
from registry.finding import Finding
from registry.policy import Policy
from registry.snapshot import Version

Keys = tuple[str | int, ...]
_COMPARED = 100  # names, and characters of a name
_MISTYPED = 20  # files; where more are missing, they were not mistyped
_LISTED = 50  # images or packages; a longer list is a finding of its own
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")

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
    sources = ((target, version.local(target)) for target in version.keys("model_files"))
    missing = [(t, local) for t, local in sources if local and not local_problem(local) and local not in version.files]
    for target, local in missing:
        near = _nearest(local, version.files) if len(missing) <= _MISTYPED else None
        advice = f"Did you mean `./{near}`?" if near else "Add the file to git, or correct the path"
        fix = f"./{near}" if near else None
        yield source_place(version, target).finding(
            "local-file-missing", f"`./{local}` is not there. {advice}", found=f"./{local}", fix=fix
        )


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
        near = next((target for target in targets if version.source(target) == value), None)
        advice = f"Write the target, `{near}`" if near else "Add it to `model_files` under a name, and write that name"
        message = f"a target belongs here, not a URL. {advice}"
        yield version.place(*keys).finding("url-not-a-target", message, found=value, fix=near)
    else:
        near = _nearest(value.removeprefix("./"), [t for t in targets if t.lower().endswith(suffixes)])
        advice = f"Did you mean `{near}`?" if near else f"Add it to `model_files`, such as `{value}: ./{value}`"
        message = f"`{value}` is not in `model_files`. {advice}"
        yield version.place(*keys).finding(rule, message, found=value, fix=near)


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most like another one, of the first ones that are not long: to compare more takes long."""
    short = (other for other in names if len(other) <= _COMPARED)
    near = get_close_matches(name, list(islice(short, _COMPARED)), 1) if len(name) <= _COMPARED else []
    return near[0] if near else None
