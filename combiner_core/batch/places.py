"""Files on any file system that fsspec knows, with errors of one sentence.

A place is a path, or a URL such as s3://bucket/folder/photo.png. What a file system needs (s3fs for
s3://) is installed apart, and credentials are where its package looks for them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from combiner_core.errors import CombinerError, SignalError
from combiner_core.signals.storage import make_folder, read_all, write_atomically

_MAX_BYTES = 1 << 31
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)")
# of stores that show an object only once all of it is there
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"})
_PARTIAL = ".combiner-piece"


@dataclass(frozen=True)
class Place:
    """A file or a folder.

    Attributes:
        name: its path or URL.
    """

    name: str

    @classmethod
    def of(cls, name: str) -> Self:
        """The place that a user named; folders may end in a slash.

        Raises:
            CombinerError: no file system of this kind is installed.
        """
        place = cls(name if re.fullmatch(r"/+|.*:/+", name) else name.rstrip("/"))
        # workers may have another working directory
        return cls(place.path) if place.is_local else place._checked()

    @property
    def base(self) -> str:
        """Its last part, for errors."""
        return PurePosixPath(self.name.partition("::")[0]).name or self.name

    @property
    def shown(self) -> str:
        """Its name without the user and password that a URL may have."""
        return re.sub(r"//[^/@]*@", "//", self.name)

    @property
    def is_local(self) -> bool:
        """Whether it is on a file system of this machine."""
        return not _URL.match(self.name) or self.name.startswith("file:")

    @property
    def path(self) -> str:
        """Its path within its file system."""
        return str(self._found[1])

    @property
    def files(self) -> Any:
        """Its file system, of fsspec."""
        return self._found[0]

    def below(self, relative: str) -> Place:
        """A place below this folder; in an archive (zip://folder::file.zip) as well."""
        folder, chain, rest = self.name.partition("::")
        if chain and "://" not in folder:
            folder += "://"
        slash = "" if folder.endswith("/") else "/"
        return Place(f"{folder}{slash}{relative}{chain}{rest}")

    def read(self) -> bytes:
        """All of a file.

        Raises:
            SignalError: it is not there, or cannot be read.
        """
        if self.is_local:
            return read_all(self.path)
        try:
            with self.files.open(self.path, "rb") as stream:
                content: bytes = stream.read(_MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise SignalError(f"{self.base} does not exist.") from error
        except Exception as error:  # every file system has errors of its own
            raise SignalError(f"{self.base} cannot be opened: {_reason(error)}.") from error
        if len(content) > _MAX_BYTES:
            raise SignalError(f"{self.base} is larger than 2 GB, the most that is read.")
        return content

    def write(self, content: bytes) -> None:
        """Write a file, which appears only when it is complete, and the folders above it.

        Raises:
            SignalError: it cannot be written there.
        """
        if self.is_local:
            make_folder(Path(self.path).parent)
            write_atomically(self.path, content, sweeps=False)
            return
        if self._kinds & _WHOLE:
            with self._writing():
                self.files.pipe_file(self.path, content)
            return
        with self.appearing() as stream:
            stream.write(content)

    @contextmanager
    def appearing(self) -> Iterator[IO[bytes]]:
        """A file to be written in pieces, which appears only when it is complete.

        Raises:
            SignalError: it cannot be written there.
        """
        files, folder = self.files, self.files._parent(self.path)
        partial = f"{folder}/.{secrets.token_hex(8)}{_PARTIAL}"
        with self._writing():
            with suppress(FileExistsError):
                files.makedirs(folder, exist_ok=True)
            try:
                with files.open(partial, "wb") as stream:
                    yield stream
                if not self.is_local and files.exists(self.path):
                    files.rm_file(self.path)  # some do not replace what they move to
                files.mv(partial, self.path)
            except BaseException:
                with suppress(Exception):
                    files.rm_file(partial)
                raise

    def exists(self) -> bool:
        """Whether there is such a file or folder.

        Raises:
            SignalError: the file system cannot be reached.
        """
        try:
            return bool(self.files.exists(self.path))
        except Exception as error:  # every file system has errors of its own
            raise SignalError(f"{self.base} cannot be reached: {_reason(error)}.") from error

    @cached_property
    def _found(self) -> tuple[Any, str]:
        import fsspec

        try:
            files, path = fsspec.url_to_fs(self.name)
        except (ImportError, ValueError) as error:
            kind = self.name.partition(":")[0]
            raise CombinerError(
                f"There is no file system {kind} here: {_reason(error)}."
            ) from error
        except Exception as error:  # every file system has errors of its own
            raise CombinerError(f"{self.base} cannot be reached: {_reason(error)}.") from error
        return files, path

    def _checked(self) -> Self:
        _ = self._found
        return self

    @property
    def _kinds(self) -> set[str]:
        protocol = self.files.protocol
        return {protocol} if isinstance(protocol, str) else {*protocol}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except CombinerError:
            raise
        except Exception as error:  # every file system has errors of its own
            raise SignalError(f"{self.base} cannot be written: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """In words, without the paths that OSError adds."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return (reason or type(error).__name__).strip().rstrip(".").splitlines()[0]
