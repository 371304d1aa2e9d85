"""What makes going on impossible. A contributor's mistake is a Finding, not an error."""

from __future__ import annotations

from typing import Literal

# Nothing is there; it is not handed out; it leads to where nothing is fetched from; no answer now; too much to read.
SourceProblem = Literal["gone", "refused", "redirected", "unreachable", "unread"]


class RegistryError(Exception):
    """Going on is impossible: what failed, and in `hint` the next step."""

    exit_code = 1
    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(RegistryError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class SettingsError(UsageError):
    """`[tool.registry]` or an environment variable is wrong; `keys` lead to what is wrong in pyproject.toml."""

    def __init__(self, message: str, *, hint: str = "", keys: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.keys = keys


class RepositoryError(UsageError):
    """Git cannot give what was asked for: no repository, an unknown revision, missing history."""


class DivergedError(RegistryError):
    """The commit is not a successor of the one converged last."""


class SourceError(RegistryError):
    """A file's source cannot be read: refused by policy, gone, or not answering."""

    def __init__(self, message: str, *, hint: str = "", problem: SourceProblem = "refused") -> None:
        super().__init__(message, hint=hint)
        self.problem = problem
        self.retryable = problem == "unreachable"


class DescriptorError(RegistryError):
    """A descriptor in the working tree cannot be read, or not be written as it should be."""


class CopyError(RegistryError):
    """A copy is not what it should be: size or digest differ, or a registered file would be overwritten."""


class StorageError(RegistryError):
    """Private storage did not do what was asked; running again may help."""

    exit_code = 3
    retryable = True


class BlobExistsError(StorageError):
    """Something stands where a new blob was to be created."""


class BlobChangedError(StorageError):
    """A blob is gone or is no longer the one with the etag that was named."""


class BlobMissingError(StorageError):
    """There is no blob at this path."""


class CopyNotOfferedError(StorageError):
    """The storage service cannot fetch this source itself."""


class SourceChangedError(StorageError):
    """A source is no longer what it was when its copy began."""


class LedgerError(StorageError):
    """A file of the ledger is damaged; running again does not help."""

    exit_code = 1
    retryable = False


class LockError(StorageError):
    """Somebody else holds the lock, or it was lost; `holder` is what the holder wrote into it."""

    def __init__(self, message: str, *, hint: str = "", holder: bytes = b"") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class RecordsError(RegistryError):
    """The database of the endpoint did not do what was asked; running again may help."""

    exit_code = 3
    retryable = True


class EndpointError(RegistryError):
    """The endpoint did not answer, or answered what was not asked for."""

    def __init__(self, message: str, *, hint: str = "", retryable: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable
        self.exit_code = 3 if retryable else 1
