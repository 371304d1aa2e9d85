"""Git: trees, blobs and history of the repository that holds the descriptors. The only import of GitPython."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

from git import GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo

from registry.digests import Digest, digest_of
from registry.errors import RepositoryError
from registry.history import ALL, MAIN_LINE, Logged, Step, parse_log, parse_steps
from registry.identity import (
    ModelId,
    Unit,
    alike,
    folder_of,
    model_of,
    name_problem,
    parse_model_id,
    unit_of,
    version_at,
)
from registry.objects import CHUNK, Objects, lacking
from registry.tree import TreeFile, file_on_disk, is_read

if TYPE_CHECKING:
    from registry.snapshot import Snapshot

_TREE = "040000"  # git's mode of a folder
_MAX_PATHS = 200  # of up to 200 characters each: far below what a system takes as a command line


class Repository:
    """The repository around a folder; every path is relative to its root and POSIX."""

    def __init__(self, start: Path) -> None:
        try:
            self._repo = Repo(start, search_parent_directories=True)
        except (InvalidGitRepositoryError, NoSuchPathError) as error:
            hint = "go to a models repository, or git init"
            raise RepositoryError(f"{start} is in no git repository", hint=hint) from error
        # Also a tree can hold what looks like a bare repository, with settings that let git run commands.
        is_gits_own = start.resolve().is_relative_to(Path(self._repo.git_dir).resolve())
        if is_gits_own or self._repo.working_tree_dir is None:
            hint = "run the command in a clone"
            raise RepositoryError(f"{start} is a bare repository or git's own folder", hint=hint)
        self.root = Path(self._repo.working_tree_dir)
        self._repo.git.update_environment(LC_ALL="C", GIT_OPTIONAL_LOCKS="0", GIT_LITERAL_PATHSPECS="1")
        self.objects = Objects(lambda: self._repo.git.cat_file("--batch", istream=PIPE, as_process=True))

    def __reduce__(self) -> tuple[Callable[[Path], Repository], tuple[Path]]:
        """For another process, which opens it once."""
        return _reopened, (self.root,)

    @classmethod
    def here(cls) -> Repository:
        """The repository around the current folder."""
        return cls(Path.cwd())

    def commit(self, rev: str) -> str:
        """The full id of a commit; raises RepositoryError with the fetch to run where it is not here."""
        names = ("--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        found = str(self._repo.git.rev_parse(*names, with_exceptions=False))
        if not found.isalnum():  # `^rev` stands for all that does not lead to it
            hint = f"fetch the full history: git fetch --unshallow origin; or, by name: git fetch origin {rev}"
            raise RepositoryError(f"commit `{rev}` is not in this repository", hint=hint)
        return found

    def log(self, commit: str, models: str) -> Iterator[Logged]:
        """All commits that lead to this one, children first, with what each changed under `models`; read as needed."""
        return parse_log(self._lines("log", *ALL, commit, "--", models))

    def main_line(self, commit: str, models: str, path: str, *options: str) -> Iterator[Step]:
        """The commits of the main line that changed versions under `path`, the newest first; read as needed."""
        return parse_steps(self._lines("log", *MAIN_LINE, *options, commit, "--", path), models)

    @property
    def is_shallow(self) -> bool:
        """Whether the history begins with a commit that has parents elsewhere."""
        return self._git("rev_parse", "--is-shallow-repository") == "true"

    def tree_id(self, commit: str, path: str) -> str | None:
        """Git's id of the folder at `path`; None where there is none."""
        try:
            return str(self._repo.git.rev_parse("--verify", "--quiet", f"{commit}:{path}"))
        except GitCommandError:
            return None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` is `old` or follows it."""
        how = {"with_extended_output": True, "with_exceptions": False}
        status, _, _ = self._repo.git.merge_base("--is-ancestor", old, new, **how)
        return bool(status == 0)

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which both come; raises RepositoryError where the history does not hold it."""
        try:
            return str(self._repo.git.merge_base(one, other))
        except GitCommandError as error:
            hint = "fetch the full history: git fetch --unshallow origin"
            raise RepositoryError(f"{one[:12]} and {other[:12]} have no common commit here", hint=hint) from error

    def fetch(self, rev: str) -> str:
        """Update the remote's branches; the commit that the branch `rev` has there now, or `rev` where it has none."""
        try:
            self._repo.git.fetch("--quiet")
        except GitCommandError as error:
            raise RepositoryError("git fetch failed", hint="run git fetch and see what it says") from error
        try:
            return self.commit(f"{rev}@{{upstream}}")
        except RepositoryError:  # it follows no branch of a remote: a tag, a commit, a remote's branch itself
            return self.commit(rev)

    def text(self, commit: str, path: str) -> str | None:
        """A small text file at a commit; None where there is none."""
        try:
            return str(self._repo.git.show(f"{commit}:{path}", strip_newline_in_stdout=False))
        except GitCommandError:
            return None

    def difference(self, base: str, head: str, models: str) -> dict[ModelId, int]:
        """The versions whose folders differ between two commits: 1 for one that came, -1 for one that went, else 0."""
        lines = iter(self._lines("diff_tree", "-r", "-t", "-z", "--raw", "--no-renames", base, head, "--", models))
        found: dict[ModelId, int] = {}
        for modes, path in ((line[1:].split()[:2], next(lines)) for line in lines):
            if _TREE in modes and (model := version_at(path, models)):
                found[model] = (modes[1] == _TREE) - (modes[0] == _TREE)
        return found

    def trees(self, commit: str, models: str, of: Collection[ModelId]) -> dict[ModelId, str]:
        """Git's ids of the folders of some versions."""
        paths = _paths(models, of)
        depth = ("-r",) if paths == [models] else ()
        lines = self._lines("ls_tree", *depth, "-d", "-z", commit, "--", *paths) if of else ()
        found = ((version_at(path, models), facts) for facts, path in (line.split("\t", 1) for line in lines))
        return {model: facts.split()[2] for model, facts in found if model is not None and model in of}

    def changed(self, base: str, head: str | None, models: str) -> set[str]:
        """The paths under `models` that differ between two commits, or between a commit and the working tree."""
        if head is not None:
            listed = self._git("diff_tree", "-r", "-z", "--name-only", "--no-renames", base, head, "--", models)
        else:
            listed = self._git("diff", "--name-only", "-z", "--no-renames", base, "--", models)
            listed += "\0" + self._git("ls_files", "-z", "--others", "--exclude-standard", "--", models)
        return {path.rstrip("/") for path in listed.split("\0") if path}  # a nested repository ends with `/`

    def neighbours(self, commit: str | None, models: str, of: Iterable[ModelId]) -> set[ModelId]:
        """What a tree (None: the working tree) holds beside some versions: all versions of their models, and of models
        with a name that reads alike the name alone, with an empty version; work does not grow with what others hold.
        """
        if commit is None:
            return set(self.names(None, models))
        names = {model.name for model in of}
        if len(names) > _MAX_PATHS or any(map(name_problem, names)):
            return set(self.names(commit, models))
        paths = [f"{models}/", *(f"{models}/{name}/" for name in names)]  # git lists no deeper
        listing = self._git("ls_tree", "-d", "-z", "--name-only", commit, "--", *paths)
        near = alike(listing, {f"{models}/{name}" for name in names})
        found = (path.removeprefix(f"{models}/").partition("/") for path in near)
        return {ModelId(name, version) for name, _, version in found}

    def names(self, commit: str | None, models: str, of: Collection[str] | None = None) -> list[ModelId]:
        """The versions of a tree (None: the working tree) by their folders' names alone: all, or of some models."""
        is_all = of is None or len(of) > _MAX_PATHS or any(map(name_problem, of))
        paths = [models] if of is None or is_all else [f"{models}/{name}" for name in of]
        if not paths:
            return []
        if commit is None:
            found = {model_of(path, models) for path in self._working(paths) if file_on_disk(self.root, path)}
        else:
            folders = self._git("ls_tree", "-r", "-d", "-z", "--name-only", commit, "--", *paths).split("\x00")
            found = {version_at(path, models) for path in folders}
        return sorted(model for model in found if model is not None)

    def snapshot(self, commit: str | None, models: str, only: Iterable[ModelId] | None = None) -> Snapshot:
        """The versions at a commit, or (None) in the working tree: all with their strays, or only some."""
        from registry.snapshot import make_snapshot

        return make_snapshot(self.read(self.files(commit, models, None if only is None else set(only))), models)

    def working_snapshot(self, models: str, only: Iterable[ModelId] | None = None) -> Snapshot:
        """The versions in the working tree: all with their strays, or only some."""
        return self.snapshot(None, models, only)

    def files(
        self, commit: str | None, models: str, only: Collection[Unit] | None = None, folders: Sequence[str] = ()
    ) -> Iterator[TreeFile]:
        """What stands in a commit or (None) in the working tree, without content, the files of a version in a row.

        All under `models`, or under some folders of it, or of some versions and some files outside of versions alone.
        """
        paths = list(folders) or _paths(models, only)
        on_disk = (file_on_disk(self.root, path) for path in (() if commit else self._working(paths)))
        listed = self._entries(commit, paths) if commit else filter(None, on_disk)
        return (file for file in listed if only is None or unit_of(file.path, models) in only)

    def read(self, files: Iterable[TreeFile]) -> list[TreeFile]:
        """The same files, with the content of descriptors and of what is small enough to be a pointer."""
        wanted = set(filter(is_read, listed := list(files)))
        in_git = self._contents([file for file in wanted if file.oid])
        return [TreeFile(*f[:4], self._content(f, in_git)) if f in wanted else f for f in listed]

    def bytes_of(self, file: TreeFile) -> Iterator[bytes]:
        """The bytes of a file of a snapshot, in chunks: from git, or from the working tree."""
        if file.oid:
            yield from self.blob(file.oid) if file.size > CHUNK else [self.contents([file])[file.path]]
            return
        try:
            with (self.root / file.path).open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except OSError as error:
            message = f"{file.path} cannot be read: {error.strerror}"
            raise RepositoryError(message, hint="see whether it is still there, and who may read it") from error

    def blob(self, oid: str) -> Iterator[bytes]:
        """The bytes of a file in git, in chunks."""
        process = self._repo.git.cat_file("blob", oid, as_process=True)
        while chunk := process.stdout.read(CHUNK):
            yield chunk
        if process.wait() != 0:
            raise lacking(oid)

    def _git(self, command: str, *arguments: str) -> str:
        """What a git command prints; raises RepositoryError with what it complains of."""
        try:
            return str(getattr(self._repo.git, command)(*arguments))
        except GitCommandError as error:
            raise _failed(command, error) from error

    def _entries(self, commit: str, paths: list[str]) -> Iterator[TreeFile]:
        for line in self._lines("ls_tree", "-r", "-z", "--long", commit, "--", *paths) if paths else ():
            facts, path = line.split("\t", 1)
            mode, _, oid, size = facts.split()
            yield TreeFile(path, mode, oid, int(size) if size.isdigit() else 0)  # else `-`, or `BAD`: it is not there

    def _lines(self, command: str, *arguments: str) -> Iterator[str]:
        """What a git command prints, piece by piece between NULs: a listing may be long."""
        process, rest = getattr(self._repo.git, command)(*arguments, as_process=True), b""
        while chunk := process.stdout.read1(CHUNK):
            *lines, rest = (rest + chunk).split(b"\0")
            yield from (line.decode("utf-8", "surrogateescape") for line in lines)
        try:
            process.wait()
        except GitCommandError as error:
            raise _failed(command, error) from error

    def digests(self, files: Iterable[TreeFile]) -> Mapping[str, Digest]:
        """sha256 and size of each file by its path: what is in git through one process, each content once."""
        wanted = list(files)
        known = {oid: digest_of(chunks) for oid, chunks in self.objects.read({file.oid for file in wanted if file.oid})}
        return {f.path: known[f.oid] if f.oid else digest_of(self.bytes_of(f)) for f in wanted}

    def contents(self, files: Iterable[TreeFile]) -> Mapping[str, bytes]:
        """The bytes of many small files by path: what is in git through one process, each content once."""
        wanted = list(files)
        in_git = self._contents([file for file in wanted if file.oid and file.content is None])
        return {file.path: self._content(file, in_git) for file in wanted}

    def _content(self, file: TreeFile, in_git: Mapping[str, bytes]) -> bytes:
        if file.content is not None:
            return file.content
        return in_git[file.oid] if file.oid else b"".join(self.bytes_of(file))

    def _contents(self, files: list[TreeFile]) -> Mapping[str, bytes]:
        """The bytes of many small files by their git ids."""
        return {oid: b"".join(chunks) for oid, chunks in self.objects.read({file.oid for file in files})}

    def _working(self, paths: list[str]) -> list[str]:
        """What is tracked under these paths, and what is untracked but not ignored."""
        options = ("-z", "--cached", "--others", "--exclude-standard")
        listed = self._git("ls_files", *options, "--", *paths) if paths else ""
        return sorted(set(filter(None, listed.split("\x00"))))


@cache
def _reopened(root: Path) -> Repository:
    return Repository(root)


def _failed(command: str, error: GitCommandError) -> RepositoryError:
    said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ").partition("\n")[0]
    return RepositoryError(f"git {command.replace('_', '-')} failed: {said}", hint="run git fsck")


def _paths(models: str, wanted: Collection[Unit] | None) -> list[str]:
    """The folders of some versions; everything where they are many, or one has no name of a version: `..` leads up."""
    if wanted is None or len(wanted) > _MAX_PATHS:
        return [models]
    plain = sorted(unit for unit in wanted if isinstance(unit, ModelId) and parse_model_id(str(unit)))
    return [folder_of(model, models) for model in plain] if len(plain) == len(wanted) else [models]
