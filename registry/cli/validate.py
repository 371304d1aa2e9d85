"""`registry validate`."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from registry.cli.options import format_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.finding import Finding
    from registry.identity import ModelId
    from registry.judging import Online, Unregistered
    from registry.report.quote import Lines
    from registry.settings import Settings


@click.command()
@click.argument("paths", metavar="[PATH]…", nargs=-1)
@click.option("--base", metavar="REV", help="Judge only what differs from this revision, by its settings.")
@click.option("--head", metavar="REV", help="Judge this revision instead of the working tree.")
@click.option("--online", is_flag=True, help="Ask the sources of remote files and, with --base, the endpoint too.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Sources at once.")
@format_option("text", "json", "markdown", "github", "sarif")
def validate(paths: tuple[str, ...], base: str | None, head: str | None, jobs: int, form: str, *, online: bool) -> int:
    """Say everything that is wrong with the descriptors.

    Judges the working tree: what git tracks, and what it neither tracks nor ignores. PATH limits it to some folders.

    Reads nothing but the tree, unless --online is given: then also the heads of remote weights, and remote scripts and
    configurations, by ranges. It takes no digest of a remote file, as `registry pin` and `registry reconcile` do. Where
    nothing but an answer is missing, it exits with 3.
    """
    from registry.cli.context import settings_at
    from registry.cli.settings_change import check_settings_change
    from registry.finding import weigh
    from registry.judging import Scope, folders_at, judge
    from registry.quoting import load_lines
    from registry.report import github, json, markdown, text
    from registry.report.words import printable
    from registry.repository import Repository

    repository = Repository.here()
    head_commit = None if head is None else repository.commit(head)
    base_commit = None if base is None else repository.commit(base)
    if base_commit:
        base_commit = repository.merge_base(base_commit, head_commit or repository.commit("HEAD"))
    settings = settings_at(repository, base_commit or head_commit)
    scope = Scope(settings.models, base_commit, head_commit, folders_at(repository, settings.models, paths))
    with _open_online(settings, jobs) if online else nullcontext() as asking:
        findings, judged, note = judge(repository, scope, settings.policy, asking)
    if base_commit:
        findings = weigh(
            [*findings, *check_settings_change(repository, base_commit, head_commit)], settings.policy.severity
        )

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
    if note:
        click.echo(f"what the base holds counts as registered: {printable(note)}", err=True)
    return _exit_code(findings)


def _exit_code(findings: Iterable[Finding]) -> int:
    """0 nothing wrong; 3 where asking again may help; 1 where somebody has to mend something."""
    from registry.rules import RETRYABLE

    errors = {finding.rule for finding in findings if finding.severity == "error"}
    return 0 if not errors else 3 if errors <= RETRYABLE else 1


@contextmanager
def _open_online(settings: Settings, jobs: int) -> Iterator[Online]:
    """What to ask, with the credentials of the environment."""
    from functools import partial

    from registry.asking import find_unregistered, load_remote_facts
    from registry.endpoint import Endpoint
    from registry.judging import Online, Unregistered
    from registry.patience import HASTY
    from registry.sources import Sources

    def ask_endpoint(models: Mapping[ModelId, bool]) -> Unregistered:
        if not settings.endpoint:
            return Unregistered(note="no endpoint is set, and the embedded one is not asked")
        with closing(Endpoint(settings.endpoint, settings.credentials.token, patience=HASTY)) as endpoint:
            return find_unregistered(endpoint, models)

    with closing(Sources(settings.policy, settings.credentials.source_sas, patience=HASTY)) as sources:
        yield Online(partial(load_remote_facts, sources, jobs=jobs), ask_endpoint)


def _render_sarif(findings: list[Finding], lines: Lines) -> str:
    from registry.report import sarif
    from registry.rules import RULES
    from registry.rules.page import read_page

    return sarif.render_findings(findings, lines, {rule: read_page(rule) for rule in RULES})
