"""`registry explain`."""

from __future__ import annotations

import click

from registry.cli.options import format_option


@click.command()
@click.argument("rule", required=False)
@format_option("text", "json", "markdown")
def explain(rule: str | None, form: str) -> int:
    """Say what a rule wants and why, with examples.

    Without RULE, lists all rules.
    """
    from registry.report import rules
    from registry.rules import RULES
    from registry.rules.page import read_page

    if rule is None:
        render_list = {
            "text": rules.render_list_text,
            "json": rules.render_list_json,
            "markdown": rules.render_list_markdown,
        }
        click.echo(render_list[form](RULES), nl=False)
        return 0
    _check_rule(rule)
    render = {"text": rules.render_text, "json": rules.render_json, "markdown": rules.render_markdown}
    click.echo(render[form](rule, RULES[rule], read_page(rule)), nl=False)
    return 0


def _check_rule(rule: str) -> None:
    from difflib import get_close_matches

    from registry.errors import UsageError
    from registry.rules import RULES

    if rule not in RULES:
        near = get_close_matches(rule.lower(), RULES, 1, 0.5)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise UsageError(f"there is no rule `{rule}`", hint=f"{hint}`registry explain` lists them all")
