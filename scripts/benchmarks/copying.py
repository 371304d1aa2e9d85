"""What scripts/bench_copy does: the same copies by `registry reconcile`, azcopy and rclone, in turn, several times.

One call is compared with the same call, as it decides the time on Azurite: Copy Blob, or Put Block From URL. azcopy
knows only the second here. The registrar's time is that of the whole process, with its start, the lock, the plan, the
requests to an endpoint and the receipts; reading back what was copied is measured apart and taken off.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from registry.copying import FILES
from registry.digests import digest_of
from registry.storage.azure import AzureContainer
from scripts.benchmarks.latency import far_away
from scripts.benchmarks.places import CASES, LATENCY, MIB, Case, Place, prepared
from scripts.benchmarks.processes import Time, environment, timed, told
from tests.azurite import free_port
from tests.build import a_commit, a_descriptor, a_repository, a_version

TOOLS = Path(__file__).parent.parent.parent / ".tools" / "bench"
REGISTRY = Path(sys.executable).with_name("registry")
READINGS = 3  # in turn, of which the median counts
WARMED = 256 * MIB  # in all: up to here each tool has a first run that does not count
LOCAL = ("inference.py", "environment.yml", "index.md")  # of each version, beside its large files


def run_registry(place: Place) -> Time:
    """Reconcile a new repository into a new container, then again."""
    name = place.container()
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        repository = describe(Path(folder), place)
        account = f"{place.url}/private/{name}"
        known = {"REGISTRY_STORAGE": account, "AZURE_STORAGE_KEY": place.azurite.key("private")}
        if place.case.call != "Copy Blob":
            known["REGISTRY_SOURCE_SAS_SOURCE"] = place.sas
        command = [str(REGISTRY), "reconcile"]
        with serving(repository, known, place) as endpoint:
            known["REGISTRY_ENDPOINT"] = endpoint
            whole = timed(command, repository, environment(**known))
            again = timed(command, repository, environment(**known))
        reading, bare = read_back(account, place)
    return Time(whole.seconds - reading, again.seconds, reading, bare, whole.processors, whole.memory)


@contextmanager
def serving(repository: Path, known: Mapping[str, str], place: Place) -> Iterator[str]:
    """`registry serve`, as far away as storage is."""
    port = free_port()
    command = [str(REGISTRY), "serve", "--port", str(port)]
    with ExitStack() as stack:
        log = stack.enter_context((repository.parent / "serve.log").open("wb"))
        server = stack.enter_context(subprocess.Popen(command, cwd=repository, env=environment(**known), stderr=log))
        stack.callback(server.terminate)
        wait_for(port, server)
        if place.url == place.azurite.url("private", "").removesuffix("/private/"):
            yield f"http://127.0.0.1:{port}"
        else:
            yield f"http://127.0.0.1:{stack.enter_context(far_away(port, delay=LATENCY))}"


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until somebody listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("error: `registry serve` does not answer")


def read_back(account: str, place: Place) -> tuple[float, float]:
    """The seconds that all copies take with as many at once as in a run: read and digested, and downloaded alone."""

    def download(url: str) -> int:
        with urllib.request.urlopen(url, timeout=600) as answer:
            return sum(map(len, iter(lambda: answer.read(MIB), b"")))

    paths = [f"bench/{path}" for path, _ in place.case.contents]
    with AzureContainer(account, key=place.azurite.key("private")) as storage, ThreadPoolExecutor(FILES) as pool:
        links = [storage.link(path, hours=1) for path in paths]

        def seconds(what: Callable[[str], int], each: list[str]) -> float:
            start = time.monotonic()
            assert sum(pool.map(what, each)) == place.case.files * place.case.size  # noqa: S101
            return time.monotonic() - start

        reading, bare = (lambda path: digest_of(storage.read(path)).size, paths), (download, links)
        turns = [[seconds(*reading), seconds(*bare)] for _ in range(READINGS + 1)][1:]  # the first opens connections
    return median(turn[0] for turn in turns), median(turn[1] for turn in turns)


def describe(folder: Path, place: Place) -> Path:
    """A repository with the case's files in its versions."""
    settings = f'[tool.registry.policy]\nallow_loopback = true\nsources = ["{place.uploads}/"]\n'
    repository = a_repository(folder / "repository", settings)
    for number in range(place.case.versions):
        own = {path: content for path, content in place.case.contents if path.startswith(f"{number}.0/")}
        files: dict[str, object] = {name: f"./{name}" for name in LOCAL}
        for path, content in own.items():
            pin = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            files[path.split("/")[1]] = {"source": f"{place.uploads}/{path}", **pin}
        version = a_version(a_descriptor(model_files=files))
        del version["model.bin"]
        a_commit(repository, f"bench/{number}.0", version)
    return repository


def run_azcopy(place: Place) -> Time:
    """Copy, then synchronise."""
    target = f"{place.url}/private/{place.container()}"
    expiry = datetime.now(UTC) + timedelta(hours=1)
    key = place.azurite.key("private")
    may = ContainerSasPermissions(read=True, write=True, create=True, list=True, add=True, delete=True)
    sas = generate_container_sas("private", target.rsplit("/", 1)[1], key, permission=may, expiry=expiry)
    limits = [f"--block-size-mb={min(8, place.case.size / MIB / 2)}", f"--put-blob-size-mb={place.case.size / MIB / 2}"]
    where = [f"{place.uploads}?{place.sas}", f"{target}?{sas}"]
    known = environment(
        AZCOPY_LOG_LOCATION=str(place.folder), AZCOPY_JOB_PLAN_LOCATION=str(place.folder),
        LD_LIBRARY_PATH=str(TOOLS / "lib"), AZCOPY_DISABLE_SYSLOG="true",
    )  # fmt: skip
    common = [str(TOOLS / "azcopy")]
    kind = ["--from-to=BlobBlob", "--log-level=NONE", "--output-level=quiet"]
    copy = [*common, "copy", where[0].replace("uploads?", "uploads/*?"), where[1], "--recursive", *limits, *kind]
    sync = [*common, "sync", *where, *limits, *kind]
    return told(timed(copy, place.folder, known), timed(sync, place.folder, known))


def run_rclone(place: Place) -> Time:
    """Copy, twice."""
    name = place.container()
    known = environment(RCLONE_CONFIG=os.devnull)
    for remote, account in (("SOURCE", "source"), ("PRIVATE", "private")):
        known |= {
            f"RCLONE_CONFIG_{remote}_TYPE": "azureblob",
            f"RCLONE_CONFIG_{remote}_ACCOUNT": account,
            f"RCLONE_CONFIG_{remote}_KEY": place.azurite.key(account),
            f"RCLONE_CONFIG_{remote}_ENDPOINT": f"{place.url}/{account}",
        }
    cutoff = "1G" if place.case.call == "Copy Blob" else "1B"
    command = [str(TOOLS / "rclone"), "copy", "source:uploads", f"private:{name}", "--transfers=16", "--checkers=16"]
    command += [f"--azureblob-copy-cutoff={cutoff}"]
    return told(timed(command, place.folder, known), timed(command, place.folder, known))


RUNNERS: Mapping[str, Callable[[Place], Time]] = {"registry": run_registry, "azcopy": run_azcopy, "rclone": run_rclone}


def runners(case: Case) -> list[str]:
    """Who can do a case by its call."""
    return [name for name in RUNNERS if name != "azcopy" or case.call != "Copy Blob"]


def measure(case: Case, *, rounds: int, is_far: bool) -> dict[str, list[Time]]:
    """Each tool in turn, as often as asked, each round in another order and in storage of its own."""
    times: dict[str, list[Time]] = {name: [] for name in runners(case)}
    for number in range(rounds):
        with prepared(case, is_far=is_far) as place:
            if case.files * case.size <= WARMED:  # the emulator compiles what is new to it while who comes first waits
                for run in (RUNNERS[name] for name in times):
                    run(place)
            order = list(times)[number % len(times) :] + list(times)[: number % len(times)]
            for name in order:
                times[name].append(RUNNERS[name](place))
                print(
                    f"{case.title} {case.call} {'far' if is_far else 'near'} {name}: {times[name][-1]}",
                    file=sys.stderr,
                    flush=True,
                )
    return times


def row(case: Case, times: Mapping[str, list[Time]]) -> tuple[str, str]:
    """Two lines of the table: the copies, and the same again."""

    def line(title: str, of: Callable[[Time], float], *more: str) -> str:
        medians = {name: median(map(of, found)) for name, found in times.items()}
        ours = medians["registry"]
        ratios = [f"{ours / medians[name]:.2f}" if name in medians else "–" for name in ("azcopy", "rclone")]
        seconds = [f"{medians[name]:.2f} s" if name in medians else "–" for name in RUNNERS]
        return f"| {title} | {' | '.join([*seconds, *ratios, *more])} |"

    ours = times["registry"]
    reading, bare = median(time.reading for time in ours), median(time.bare for time in ours)
    read, memory = f"{reading:.2f} s, {reading / bare:.2f}", f"{median(time.memory for time in ours):.0f} MiB"
    return (
        line(f"{case.title}, {case.call}", lambda time: time.copying, read, memory),
        line("the same again", lambda time: time.again, "", ""),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench_copy", description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="which sizes; all of them unless said")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each tool, of which the median counts (5)")
    parser.add_argument("--near", action="store_true", help="only without the added latency")
    parser.add_argument("--far", action="store_true", help="only with it")
    options = parser.parse_args()
    chosen = [case for name in options.cases or CASES for case in CASES[name]]
    for is_far in [far for far in (False, True) if not (options.far if not far else options.near)]:
        title = f"with {LATENCY * 1000:.0f} ms added to each request" if is_far else "on loopback"
        lines = [line for case in chosen for line in row(case, measure(case, rounds=options.rounds, is_far=is_far))]
        headings = "| | registry | azcopy | rclone | of azcopy | of rclone | reading back, of a download | memory |"
        print(f"\n{title}\n", headings, "|---|---|---|---|---|---|---|---|", *lines, sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
