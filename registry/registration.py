"""One version from plan to receipt: copy, verify, register, and only then say that it is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from registry import __version__
from registry.checks import check_version
from registry.copying import Copied, Copier, Remote, Wanted
from registry.diff import refused
from registry.endpoint import Endpoint
from registry.errors import RegistryError
from registry.evidence import add_contents, text_targets, weights_targets
from registry.finding import Finding, Severity
from registry.identity import ModelId, folder_of
from registry.job import Job
from registry.ledger import Hold, Ledger
from registry.outcome import Outcome, Result
from registry.plan import counted
from registry.planning import Task
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Version
from registry.sources import Sources
from registry.storage import Storage
from registry.tree import DESCRIPTOR
from registry.web import redact
from registry.wire import (
    OWN_KEYS,
    Json,
    blob_path,
    digest,
    digests_of,
    file_path,
    make_body,
    make_patch,
    page_files,
    recorded,
)

if TYPE_CHECKING:
    from registry.descriptor import Descriptor, DockerRegistry

_DONE: Mapping[str, Outcome] = {"register": "registered", "amend": "amended", "repair": "repaired", "remove": "removed"}
_KEPT = 50  # files of one version whose first bytes stay in memory until they are judged

log = logging.getLogger(__name__)


class RefusedError(RegistryError):
    """The endpoint holds something else under this name, or a rule is broken; running again cannot help."""

    def __init__(self, message: str, *, hint: str = "", findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class CredentialError(RegistryError):
    """A credential that a version needs is not in the environment."""

    exit_code = 3
    retryable = True


class Subject(NamedTuple):
    """What is registered: a version that the rules let through, as it should be."""

    id: ModelId
    version: Version
    descriptor: Descriptor
    request: Json

    @classmethod
    def of(cls, task: Task) -> Subject:
        """The subject of a task; what the plan decides to register has a descriptor and a request."""
        version = task.version
        assert version is not None  # noqa: S101
        assert version.descriptor is not None  # noqa: S101
        assert task.request is not None  # noqa: S101
        return cls(version.id, version, version.descriptor, task.request)


@dataclass(frozen=True)
class Registrar:
    """Does the tasks of one run at one commit."""

    repository: Repository
    storage: Storage
    copier: Copier
    endpoint: Endpoint
    ledger: Ledger
    hold: Hold
    sources: Sources
    policy: Policy
    models: str
    job: Job
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)  # TEAM → password

    def close(self) -> None:
        """Let workers and connections go."""
        self.copier.close()
        self.sources.close()

    def do(self, task: Task) -> Result:
        """The task done, or in words why not; only a bug raises."""
        begun = time.monotonic()
        return replace(self._do(task), seconds=round(time.monotonic() - begun, 3))

    def _do(self, task: Task) -> Result:
        item = task.item
        if task.error is not None and task.error.retryable:
            return Result(item.model, "failed", str(task.error), retryable=True, hint=task.error.hint)
        if item.action in ("refuse", "missing"):
            outcome: Outcome = "refused" if item.action == "refuse" else "missing"
            return Result(item.model, outcome, item.reason, findings=item.findings)
        try:
            self.hold.check()
            files, note = (self._remove(task), "") if item.action == "remove" else self._register(task)
        except RefusedError as error:
            return Result(item.model, "refused", str(error), findings=error.findings, hint=error.hint)
        except RegistryError as error:
            return Result(item.model, "failed", str(error), retryable=error.retryable, hint=error.hint)
        except Exception as error:  # a bug that one version meets does not stop the others
            log.exception("%s", item.model)
            return Result(
                item.model, "failed", redact(f"a bug: {type(error).__name__}: {error}"), hint="please report it"
            )
        return replace(self._result(task, files), note=note)

    def _result(self, task: Task, files: Mapping[str, Json]) -> Result:
        item, descriptor = task.item, task.version.descriptor if task.version else None
        size = sum(file["size"] for file in files.values())
        kind, params = (descriptor.configuration.type, descriptor.model_metainfo.num_params) if descriptor else ("", 0)
        return Result(item.model, _DONE[item.action], item.reason, len(files), size, type=kind, num_params=params)

    def _register(self, task: Task) -> tuple[Mapping[str, Json], str]:
        """The files of the receipt, and which of them passed through this machine."""
        subject = Subject.of(task)
        judged = {*text_targets(subject.version), *islice(weights_targets(subject.version), _KEPT)}
        wanted = {t: self._wanted(subject, t, task, keep=t in judged) for t in subject.request["model_files"]}
        copied = self._copy(subject, wanted, task)
        files = files_of(copied)
        sent = subject.request | {"model_files": digests_of(files)}
        self.hold.check()
        if not self._send(subject._replace(request=sent)):
            self.endpoint.await_finished(subject.id)
        # A file without a pin is known to the next plan by its URL.
        kept = {target: known | sent["model_files"][target] for target, known in subject.request["model_files"].items()}
        self._write_receipt(task, subject.request | {"model_files": kept}, files)
        return files, _streamed(copied)

    def _copy(self, subject: Subject, wanted: Mapping[str, Wanted], task: Task) -> Mapping[str, Copied]:
        """All verified copies, judged before those pages are copied that may take the place of registered ones."""
        pages = page_files(subject.request) if task.receipt is not None else ()
        copied = self.copier.copy_all({t: file for t, file in wanted.items() if t not in pages}, self.hold.check)
        self._judge(subject.version, copied)
        return copied | self.copier.copy_all({t: file for t, file in wanted.items() if t in pages}, self.hold.check)

    def _wanted(self, subject: Subject, target: str, task: Task, *, keep: bool) -> Wanted:
        """What should stand there; of a registered version only page files may be replaced, content stays as it was."""
        file, known = subject.descriptor.model_files[target], subject.request["model_files"][target]
        sha256, size, remote = known.get("sha256"), known.get("size"), None
        if file.local is not None:
            stream = partial(self.repository.bytes_of, subject.version.files[file.local])
        else:
            stream = partial(self.sources.stream, file.source)
            remote = Remote(file.source, partial(self.sources.locate, file.source, size))
        receipt, path = task.receipt, blob_path(subject.id, target)
        if receipt is None:
            return Wanted(path, stream, remote, sha256, size, is_new=True, keep=keep)
        is_repair, is_page = task.item.action == "repair", target in page_files(subject.request)
        kept = None if is_page else receipt.request["model_files"][target]["sha256"]
        known = receipt.files.get(target, {}).get("etag") if is_repair else None
        may_change = is_page or is_repair
        return Wanted(path, stream, remote, sha256 or kept, size, replace=may_change, keep=keep, known=known)

    def _judge(self, version: Version, copies: Mapping[str, Copied]) -> None:
        """Raise RefusedError where copies of remote files break a rule; local ones were judged for the plan."""
        remote = {t: self.copier.content(file) for t, file in copies.items() if version.local(t) is None}
        findings = check_version(add_contents(version, remote), self.policy) if remote else ()
        if errors := tuple(finding for finding in findings if finding.severity is Severity.ERROR):
            raise RefusedError(counted(errors), findings=errors)

    def _send(self, subject: Subject) -> bool:
        """Make the endpoint hold the request: nothing, PUT or PATCH, after what it has. Whether it is finished.

        An endpoint that says who it is answers 202 where it is not; of another nothing is known.
        """
        answer = self.endpoint.get(subject.id)
        if answer.status == 410:
            raise RefusedError(f"{subject.id} was removed from the endpoint", hint="add a new version")
        if answer.status == 200:
            status = self._amend(subject, recorded(answer.body))
        else:
            status = self._put(subject, is_readable=answer.status == 404 and bool(self.job.instance))
        return bool(self.job.instance) and status in (200, 201)

    def _put(self, subject: Subject, *, is_readable: bool) -> int:
        """PUT; one that cannot be asked afterwards is announced in the ledger, and sent once in each run."""
        sent = digest(subject.request)
        is_ours = not is_readable and self.ledger.intent(subject.id) == sent
        if not is_readable:
            self.ledger.write_intent(subject.id, sent)
        urls = {target: self._url(subject.id, target) for target in subject.request["model_files"]}
        body = make_body(subject.descriptor, urls, self._provenance(subject), self._passwords(subject.descriptor))
        answer = self.endpoint.put(subject.id, body, once=not is_readable)
        if answer.status == 409 and not is_ours:
            self.ledger.drop_intent(subject.id)
            raise RefusedError(
                f"is registered by somebody else with other content: {answer.said}", hint="add a new version"
            )
        return answer.status

    def _amend(self, subject: Subject, observed: Json) -> int:
        """PATCH what differs from the endpoint's record; adopt a record that is equal."""
        if keeps := refused(observed, subject.request):
            named = ", ".join(f"`{field}`" for field in keeps)
            raise RefusedError(f"is registered by somebody else with other content: {named}", hint="add a new version")
        patch = make_patch(observed, subject.request)
        if not patch:
            return 200
        sections = {key: value for key, value in patch.items() if key not in OWN_KEYS}
        if changed := sections.get("model_files"):
            sections["model_files"] = {t: self._url(subject.id, t) if file else None for t, file in changed.items()}
        return self.endpoint.patch(subject.id, sections | {"provenance": self._provenance(subject)}).status

    def _url(self, model: ModelId, target: str) -> str:
        link = self.storage.link(blob_path(model, target), hours=self.policy.sas_hours)
        return link or self.endpoint.url + file_path(model, target)

    def _passwords(self, descriptor: Descriptor) -> Mapping[str, str]:
        """What the names of passwords in the descriptor mean, each only for the registry it is bound to."""
        found = {}
        for _, environment in descriptor.configuration.environments():
            if (docker := environment.docker_registry) is not None:
                found[docker.password] = self._password(docker)
        return found

    def _password(self, docker: DockerRegistry) -> str:
        if (team := docker.team) is None:  # the settings may let a literal one pass; it is never sent, nor shown
            hint = "write `${env:REGISTRY_DOCKER_PASSWORD_<X>}` in the descriptor, and change the password"
            raise RefusedError(f"the password for {docker.url} stands in git", hint=hint)
        if self.policy.docker_registries.get(team) != docker.url:
            hint = f'a maintainer can add {team} = "{docker.url}" to docker_registries in [tool.registry.policy]'
            raise RefusedError(f"the password `{docker.password}` is not bound to {docker.url}", hint=hint)
        if team not in self.passwords:
            raise CredentialError(f"REGISTRY_DOCKER_PASSWORD_{team} is not set", hint="set it where reconcile runs")
        return self.passwords[team]

    def _remove(self, task: Task) -> Mapping[str, Json]:
        removal, receipt = task.version.removal if task.version else None, task.receipt
        assert removal is not None  # noqa: S101 - what the plan decides to remove is described and registered
        assert receipt is not None  # noqa: S101
        self.endpoint.delete(task.item.model)
        request = receipt.request | {"lifecycle": removal.lifecycle.model_dump(mode="json")}
        self._write_receipt(task, request, {})
        return {}

    def _write_receipt(self, task: Task, request: Json, files: Mapping[str, Json]) -> None:
        self.hold.check()
        facts = {
            **self.job.origin_of(task.item.model, self.hold.generation),
            "action": _DONE[task.item.action],
            "request_digest": digest(request),
            "request": request,
            "files": files,
        }
        self.ledger.write_receipt(task.item.model, task.receipt, facts)

    def _provenance(self, subject: Subject) -> Json:
        return {
            **self.job.origin_of(subject.id, self.hold.generation),
            "path": f"{folder_of(subject.id, self.models)}/{DESCRIPTOR}",
            "request_digest": digest(subject.request),
            "registrar": f"registry {__version__}",
            **{key: subject.request.get(key) for key in OWN_KEYS},
        }


def files_of(copied: Mapping[str, Copied]) -> Mapping[str, Json]:
    """Each target as a receipt names it."""
    return {
        target: {"sha256": blob.sha256, "size": blob.size, "etag": blob.etag} for target, (blob, *_) in copied.items()
    }


def _streamed(copied: Mapping[str, Copied]) -> str:
    """That files passed through this machine, and why the first of them did."""
    reasons = [file.streamed for file in copied.values() if file.streamed]
    if not reasons:
        return ""
    return f"{len(reasons)} of {len(copied)} files passed through this machine: {reasons[0]}"
