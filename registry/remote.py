"""A repository on a server: commits are taken from it as objects of git, and nothing of them is checked out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from git import Git, GitCommandError

from registry.errors import RepositoryError
from registry.web import redact

ALL = 2**31 - 1  # commits: git's word for the whole history, also where the repository has only some of it


class Remote:
    """The repository at `url`, whose server takes the token; what is fetched goes into the repository at `root`.

    `configured`: how many settings the environment gives to git already, as GIT_CONFIG_COUNT says.
    """

    def __init__(self, root: Path, url: str, token: str, *, configured: int = 0) -> None:
        self._url = url
        self._git = Git(root)
        self._git.update_environment(**_settings(url, token, configured))

    def fetch(self, *revs: str, depth: int) -> None:
        """Bring commits, by refs or ids, with their history to some depth; raises RepositoryError."""
        options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance"]
        wanted = [f"+{rev}:{local(rev)}" for rev in revs]
        try:
            self._git.fetch(*options, f"--depth={depth}", "--", self._url, *wanted)
        except GitCommandError as error:
            said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ").partition("\n")[0]
            message = f"{' and '.join(revs)} cannot be fetched: {redact(said)}"
            raise RepositoryError(message, hint="run again; the job needs the permission `contents: read`") from error


def local(rev: str) -> str:
    """Where a fetched rev stands in this repository."""
    return f"refs/registry/{rev.removeprefix('refs/')}"


def _settings(url: str, token: str, first: int) -> Mapping[str, str]:
    """The token as git's own actions send it, in an environment: a command line can be read by every process."""
    credentials = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    settings = {
        f"http.{url}.extraHeader": f"Authorization: Basic {credentials}",
        "http.followRedirects": "false",  # the header would go with it
        "http.lowSpeedLimit": "1000",  # bytes a second
        "http.lowSpeedTime": "60",  # seconds
        "credential.helper": "",
    }
    numbered = {f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(settings, first)}
    numbered |= {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(settings.values(), first)}
    count = str(first + len(settings))
    return {**numbered, "GIT_CONFIG_COUNT": count, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
