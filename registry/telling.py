"""Judge what a run of a workflow was about, from git alone, and say it where branch protection and people look."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from registry.errors import ForgeError, RegistryError
from registry.forge import Forge, Head
from registry.remote import ALL, Remote, local
from registry.report.review import render_markdown, verdict
from registry.report.words import printable
from registry.repository import Repository
from registry.review import Review

CONTEXT = "registry/validate"  # of the status that branch protection requires
MARKER = "<!-- registry: review -->"
_QUEUE = "gh-readonly-queue/"  # the branches of a merge queue, which GitHub alone can make
_PAUSE = 3.0  # seconds between two looks at whether GitHub has made its test merge


class Judged(NamedTuple):
    """What there is to say of a head."""

    state: Literal["success", "failure"]
    verdict: str
    page: str


@dataclass(frozen=True)
class Teller:
    """Says of one head on GitHub what git holds; `review` judges a change by the settings of its base."""

    forge: Forge
    remote: Remote
    repository: Repository
    review: Callable[[str, str], Review]
    slug: str  # OWNER/NAME
    branch: str  # that pull requests are to be merged into
    url: str | None  # where the log is
    wait: float  # seconds that GitHub may take for a test merge
    warn: Callable[[str], None]

    def tell_pull_request(self, head: Head) -> str:
        """Set the status of the head and write the comment of its pull request; returns what was done.

        A head that nobody asks to merge, or no longer, gets nothing. Raises RegistryError after the status `error`
        where it cannot be judged.
        """
        pull = self.forge.find_pull_request(head, self.branch)
        if pull is None:
            return f"nothing to say: no open pull request to {self.branch} has {head.commit[:12]} as its head"
        judged = self._said_of(head, lambda: self._judge_pull_request(pull.number, head))
        if judged is None:
            return f"nothing to say: #{pull.number} has another head by now, or is closed"
        return f"#{pull.number} {_done(judged, head)}{self._comment(pull.number, head, judged)}"

    def tell_queue(self, head: Head) -> str:
        """Set the status of a group in the merge queue; returns what was done."""
        if head.repository != self.slug or not head.branch.startswith(f"{_QUEUE}{self.branch}/"):
            return f"nothing to say: {printable(head.branch)} is no group in the merge queue of {self.branch}"
        judged = self._said_of(head, lambda: self._judge_queue(head))
        return _done(judged, head) if judged else "nothing to say"

    def _said_of(self, head: Head, judge: Callable[[], Judged | None]) -> Judged | None:
        """What was found, after it was said; where nothing could be found that is said too, and nothing stays green."""
        try:
            judged = judge()
        except Exception as error:
            why = printable(str(error)) if isinstance(error, RegistryError) else "the tool broke, see the log"
            said = f"could not be judged: {why}"
            self.forge.set_status(head.commit, CONTEXT, "error", said, self.url)
            raise
        if judged:
            self.forge.set_status(head.commit, CONTEXT, judged.state, judged.verdict, self.url)
        return judged

    def _judge_pull_request(self, number: int, head: Head) -> Judged | None:
        """The head as GitHub would merge it; None where the pull request is no longer about it."""
        latest = time.monotonic() + self.wait
        while True:
            pull = self.forge.pull_request(number)
            if (pull.head, pull.base, pull.is_open) != (head, self.branch, True):
                return None
            if pull.can_merge is False:
                words = f"failed: it conflicts with {self.branch}, so that nobody can see what merging it would do"
                return Judged("failure", words, f"**{words}**\n\nNext: merge {self.branch} into it.\n")
            if pull.can_merge and (merge := self._fetch_merge(number, head)):
                return self._judge(self.repository.commit(f"{merge}^1"), merge)
            if time.monotonic() >= latest:
                message = f"GitHub has no test merge of {head.commit[:12]} in #{number} yet"
                raise ForgeError(message, hint="run this job again", retryable=True)
            time.sleep(min(_PAUSE, self.wait))

    def _fetch_merge(self, number: int, head: Head) -> str | None:
        """GitHub's test merge; None while it is that of another head."""
        ref = f"refs/pull/{number}/merge"
        self.remote.fetch(ref, depth=2)
        merge = self.repository.commit(local(ref))
        return merge if self.repository.commit(f"{merge}^2") == head.commit else None

    def _judge_queue(self, head: Head) -> Judged:
        main = f"refs/heads/{self.branch}"
        self.remote.fetch(head.commit, main, depth=ALL)
        return self._judge(self.repository.merge_base(self.repository.commit(local(main)), head.commit), head.commit)

    def _judge(self, base: str, head: str) -> Judged:
        found = self.review(base, head)
        place = f"Judged as {head[:12]}, by the settings of {base[:12]}"
        log = f" · [log]({self.url})" if self.url else ""
        page = f"{render_markdown(found)}\n<sub>{place}{log}</sub>\n"
        return Judged("success" if found.exit_code == 0 else "failure", verdict(found), page)

    def _comment(self, number: int, head: Head, judged: Judged) -> str:
        """Write the page where people read it; that this fails changes nothing."""
        try:
            if self.forge.pull_request(number).head != head:
                return ", and no comment: there is another head by now"
            return ", comment written" if self.forge.put_comment(number, MARKER, judged.page) else ", comment updated"
        except ForgeError as error:
            self.warn(f"no comment on #{number}: {error}")
            return ""


def _done(judged: Judged, head: Head) -> str:
    return f"{judged.verdict}; status {judged.state} on {head.commit[:12]}"
