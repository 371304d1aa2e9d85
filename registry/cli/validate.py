"""`registry validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option

if TYPE_CHECKING:
    from registry.finding import Finding
    from registry.report.quote import Lines
    from registry.repository import Repository


@click.command()
@click.argument("paths", metavar="[PATH]…", nargs=-1)
@click.option("--base", metavar="REV", help="Judge only what differs from this revision, by its settings.")
@click.option("--head", metavar="REV", help="Judge this revision instead of the working tree.")
@format_option("text", "json", "markdown", "github", "sarif")
def validate(paths: tuple[str, ...], base: str | None, head: str | None, form: str) -> int:
    """Say everything that is wrong with the descriptors.

    Judges the working tree: what git tracks, and what it neither tracks nor ignores. PATH limits it to some folders.
    """
    from registry.cli.context import settings_at
    from registry.finding import weigh
    from registry.judging import Scope, folders_at, judge
    from registry.quoting import load_lines
    from registry.report import github, json, markdown, text
    from registry.repository import Repository

    repository = Repository.here()
    head_commit = None if head is None else repository.commit(head)
    base_commit = None if base is None else repository.commit(base)
    if base_commit:
        base_commit = repository.merge_base(base_commit, head_commit or repository.commit("HEAD"))
    settings = settings_at(repository, base_commit or head_commit)
    scope = Scope(settings.models, base_commit, head_commit, folders_at(repository, settings.models, paths))
    findings, judged = judge(repository, scope, settings.policy)
    if base_commit:
        findings = weigh([*findings, *_check_settings(repository, head_commit)], settings.policy.severity)

    def lines() -> Lines:
        return load_lines(repository, settings.models, findings, head_commit)

    pages = {
        "text": lambda: text.render_findings(findings, judged, lines()),
        "json": lambda: json.render_findings(findings),
        "markdown": lambda: markdown.render_findings(findings, judged),
        "github": lambda: github.render_findings(findings),
        "sarif": lambda: _render_sarif(findings, lines()),
    }
    click.echo(pages[form](), nl=False)
    return int(any(finding.severity == "error" for finding in findings))


def _render_sarif(findings: list[Finding], lines: Lines) -> str:
    from registry.report import sarif
    from registry.rules import RULES
    from registry.rules.page import read_page

    return sarif.render_findings(findings, lines, {rule: read_page(rule) for rule in RULES})


def _check_settings(repository: Repository, head: str | None) -> list[Finding]:
    """The settings that would hold after the merge can be read."""
    from registry.cli.context import SETTINGS_FILE, settings_at
    from registry.errors import SettingsError
    from registry.finding import Place

    try:
        settings_at(repository, head)
    except SettingsError as error:
        advice = error.hint or "correct it: with these settings nothing is registered after the merge"
        return [Place(SETTINGS_FILE).finding("settings-invalid", f"{error}. Next: {advice}")]
    return []
