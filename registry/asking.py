"""Ask sources what remote files say, and the endpoint what was never registered: what no tree can tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from pathlib import PurePosixPath
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple

from registry.endpoint import Endpoint
from registry.errors import EndpointError, RegistryError, SourceError
from registry.evidence import MAX_TEXT, add_facts, text_targets, weights_targets
from registry.facts import Answer, Facts, Weights
from registry.identity import ModelId
from registry.judging import Unregistered
from registry.ranges import Limits, RemoteFile
from registry.snapshot import Snapshot, Version
from registry.sources import Sources
from registry.weights import parse_weights

LIMITS = Limits(bytes=32 * 1024 * 1024, seconds=60.0)  # for each source; the largest headers known have a tenth of that
_SILENCE = 180.0  # seconds in which not one source was done with, longer than any may take
_STUCK = Answer(problem="unreachable", reason="the source was not read in time. Run it again")


class _Question(NamedTuple):
    """What is to be read of a source: once, however many targets ask it."""

    url: str
    reads: Literal["text", "weights", "size"]
    suffix: str = ""  # of the target: it says how weights are read


class _Reading(NamedTuple):
    answer: Answer
    text: bytes | None = None
    weights: Weights | None = None


def load_remote_facts(
    sources: Sources,
    snapshot: Snapshot,
    before: Mapping[ModelId, Version],
    *,
    jobs: int,
    silence: float = _SILENCE,
) -> Snapshot:
    """The snapshot whose versions know what their remote files say, or why those say nothing; `before` is the base."""
    asked = {model: dict(_questions(version, sources)) for model, version in snapshot.versions.items()}
    readings = _read_all(sources, {q for questions in asked.values() for q in questions.values()}, jobs, silence)
    versions = {
        model: add_facts(version, _facts(version, before.get(model), {t: readings[q] for t, q in asked[model].items()}))
        for model, version in snapshot.versions.items()
    }
    return replace(snapshot, versions=versions)


def _questions(version: Version, sources: Sources) -> Iterator[tuple[str, _Question]]:
    """What to ask for each remote target; nothing where a rule refuses the URL already."""
    texts, weights = set(text_targets(version)), set(weights_targets(version))
    for target in version.keys("model_files"):
        url = version.source(target) or ""
        if version.local(target) is not None or "://" not in url or not sources.is_allowed(url):
            continue
        if target in texts:
            yield target, _Question(url, "text")
        elif target in weights:
            yield target, _Question(url, "weights", PurePosixPath(target).suffix.lower())
        else:
            yield target, _Question(url, "size")


def _facts(version: Version, base: Version | None, readings: Mapping[str, _Reading]) -> Facts:
    texts = {target: reading.text for target, reading in readings.items() if reading.text is not None}
    weights = {target: reading.weights for target, reading in readings.items() if reading.weights is not None}
    answers = {
        target: reading.answer._replace(is_as_before=base is not None and _is_same_file(version, base, target))
        for target, reading in readings.items()
    }
    return Facts(texts, weights, answers=answers)


def _is_same_file(one: Version, other: Version, target: str) -> bool:
    """Whether both name a target's source and pins in the same way."""
    pins = (("model_files", target, key) for key in ("sha256", "size"))
    return one.source(target) == other.source(target) and all(one.text(*pin) == other.text(*pin) for pin in pins)


def _read_all(
    sources: Sources, questions: Collection[_Question], jobs: int, silence: float
) -> Mapping[_Question, _Reading]:
    """Each question answered, several at once; one that gets stuck holds up nobody for longer than `silence`."""
    readings = dict.fromkeys(questions, _Reading(_STUCK))
    done: SimpleQueue[tuple[_Question, _Reading] | BaseException] = SimpleQueue()
    if not questions:
        return readings
    with ThreadPool(min(jobs, len(questions))) as pool:  # its threads end with the process: Ctrl-C waits for none
        for question in sorted(questions):
            pool.apply_async(_read, (sources, question), callback=done.put, error_callback=done.put)
        for _ in questions:
            try:
                found = done.get(timeout=silence)
            except Empty:
                break
            if isinstance(found, BaseException):
                raise found
            readings[found[0]] = found[1]
    return readings


def _read(sources: Sources, question: _Question) -> tuple[_Question, _Reading]:
    file = RemoteFile(sources, question.url, LIMITS)
    try:
        return question, _answered(file, question)
    except SourceError as error:
        return question, _Reading(Answer(file.known_size, error.problem, _sentences(error)))


def _answered(file: RemoteFile, question: _Question) -> _Reading:
    if question.reads == "size":
        # Two bytes: asked for one byte of an empty file, Azurite sends a range from 0 to -1.
        return _Reading(Answer(file.size(look=2)))
    if question.reads == "text":
        text = file.whole(MAX_TEXT)
        return _Reading(Answer(len(text)), text=text)
    weights = parse_weights(question.suffix, file.content())
    return _Reading(Answer(file.size()), weights=weights)


def _sentences(error: RegistryError) -> str:
    """What is wrong, then what to do."""
    return f"{error}. {error.hint[:1].upper()}{error.hint[1:]}" if error.hint else str(error)


def find_unregistered(endpoint: Endpoint, models: Mapping[ModelId, bool]) -> Unregistered:
    """Which of these versions, each with whether it is public, the endpoint never registered; in doubt none."""
    found, hidden = set(), 0
    try:
        if models and not endpoint.ready().instance:
            return Unregistered(frozenset(), "the endpoint does not say what it is, so its 404 means nothing")
        for model, is_public in models.items():
            answer = endpoint.get(model)
            if answer.status == 404 and answer.may_differ and not is_public:
                hidden += 1
            elif answer.status == 404 and _is_not_begun(endpoint, model):
                found.add(model)
    except EndpointError as error:
        return Unregistered(frozenset(found), _sentences(error))
    note = "the endpoint shows private versions to its token alone. Set REGISTRY_TOKEN" if hidden else ""
    return Unregistered(frozenset(found), note)


def _is_not_begun(endpoint: Endpoint, model: ModelId) -> bool:
    """Whether a version without a record is not on its way to one."""
    status = endpoint.status(model)
    return status.status != 200 or status.body.get("state") == "Failed"
