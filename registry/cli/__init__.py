"""The command `registry`: one file per command; here they are found, and every error becomes words and a number."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import NoReturn

import click

from registry import __version__
from registry.cli.lazy import LazyGroup
from registry.errors import RegistryError

_GARBAGE = 100_000  # objects between two looks for circles; the usual 700 is a tenth of the time that loading takes
_NOT_READ = 1  # as after a pipe that broke on the way

COMMANDS = {  # each with the first sentence of its help, so that nothing is imported to list them
    "validate": "Say everything that is wrong with the descriptors.",
    "schema": "Print the JSON Schema of the descriptor.",
    "explain": "Say what a rule wants and why, with examples.",
    "fix": "Write into the descriptors what can be computed.",
    "diff": "Show what changed for a reader of the models.",
    "review": "Show a change as its reviewers want to see it.",
    "plan": "Show what reconcile would do, and do nothing.",
    "reconcile": "Make storage and endpoint equal to a commit.",
    "status": "Show drift and backlog.",
    "log": "Show who changed what, when, and how it was registered.",
    "pin": "Write `sha256` and `size` of remote files.",
    "github": "Tell GitHub how a change, a merge or the registry stands.",
    "serve": "Answer the registration API and show the catalog.",
    "token": "Make a token for the endpoint.",
}


@click.group(cls=LazyGroup, package=__name__, listed=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="registry")
@click.option("--verbose", is_flag=True, help="Say what is done on the way; show where an error comes from.")
def cli(*, verbose: bool) -> None:
    """Registers pretrained models from descriptors in a git repository.

    Exit codes: 0 done; 1 findings or refused versions; 2 usage, settings or missing history; 3 storage, endpoint,
    sources or lock, so running again may help; 130 interrupted.
    """
    if verbose:
        import logging

        from registry.cli.logs import log_text

        log_text(logging.INFO)


def main() -> None:
    """Run a command and leave with its exit code."""
    gc.set_threshold(_GARBAGE)
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # we need none, and looking for some reads all that is installed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a stranger wrote is printed also where the terminal lacks letters
            stream.reconfigure(errors="backslashreplace")
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End at once: commands have closed what they opened, and taking all modules apart takes as long as a short run."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads on
        code = code or _NOT_READ
    os._exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of a command line."""
    try:
        return int(cli.main(arguments, prog_name="registry", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except RegistryError as error:
        if "--verbose" in arguments:
            import traceback

            from registry.web import redact

            click.echo(redact(traceback.format_exc()), err=True, nl=False)
        return _say(error)


def _say(error: RegistryError) -> int:
    from registry.report.words import printable

    click.echo(f"error: {printable(str(error))}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)
    return error.exit_code
