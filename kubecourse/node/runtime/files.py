"""A container's files: its own layer, and the volumes mounted into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DEVICES = ("/dev/null", "/dev/zero", "/dev/stdout", "/dev/stderr")
_DIRECTORIES = ("/", "/bin", "/dev", "/etc", "/home", "/proc", "/root", "/tmp", "/usr", "/var")
_COMMON = frozenset(
    f"/{name}"
    for above, names in (
        ("", "lib lib64 media mnt opt run sbin srv sys"),
        ("usr/", "bin lib local local/bin local/etc local/lib local/share sbin share"),
        ("var/", "cache lib log run spool tmp www"),
    )
    for name in (above + name for name in names.split())
)
"""Directories that every image has, though nobody says so."""
NOT_FOUND = "No such file or directory"
IS_DIRECTORY = "Is a directory"


class FileProblem(Exception):
    """There is no file of that name; or it is a directory, or may not be written."""


def normal(path: str, cwd: str = "/") -> str:
    """An absolute path without `.` and `..`."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class Zeros(str):
    """A file's text that is so many bytes of nothing, for files too large to be kept."""

    __slots__ = ("size",)
    size: int

    def __new__(cls, size: int) -> Zeros:
        zeros = super().__new__(cls)
        zeros.size = size
        return zeros


def size_of(text: str) -> int:
    """The bytes that a file's text takes."""
    return text.size if isinstance(text, Zeros) else len(text.encode())


@dataclass(slots=True)
class Mount:
    """A volume, or what is below `root` in it, at a place in a container."""

    path: str
    files: dict[str, str]
    read_only: bool = False
    root: str = ""


class FileSystem:
    """Files by absolute path. `changed` is called when one has been written or removed.

    `changes` counts how often that was. Below `unseen` there may be more than is known.
    """

    __slots__ = ("_directories", "_mounts", "_own", "_read_only", "_tell", "_unseen", "changes")

    def __init__(
        self,
        own: dict[str, str],
        mounts: list[Mount],
        changed: Callable[[], Any],
        read_only: bool = False,
        unseen: tuple[str, ...] = (),
    ) -> None:
        self._own = own
        self._unseen = unseen
        self._mounts = sorted(mounts, key=lambda mount: -len(mount.path))
        self._directories = dict.fromkeys((*_DIRECTORIES, *(mount.path for mount in mounts)))
        self._tell = changed
        self._read_only = read_only
        self.changes = 0

    @property
    def written(self) -> int:
        """Bytes of the files in its own layer."""
        return sum(map(size_of, self._own.values()))

    def _changed(self) -> None:
        self.changes += 1
        self._tell()

    def _place(self, path: str, write: bool = False) -> tuple[dict[str, str], str]:
        """Where a path is kept: the files, and its key in them. Raises FileProblem."""
        files, key, fixed = self._own, path, self._read_only
        for mount in self._mounts:
            if path == mount.path or path.startswith(f"{mount.path}/"):
                inside = path[len(mount.path) + 1 :]
                files, fixed = mount.files, mount.read_only
                key = f"{mount.root}/{inside}".strip("/") if mount.root else inside
                break
        if write and fixed:
            raise FileProblem("Read-only file system")
        return files, key

    def read(self, path: str) -> str:
        """A file's text. Raises FileProblem."""
        if path in DEVICES:
            return ""
        files, key = self._place(path)
        if key not in files:
            raise FileProblem(IS_DIRECTORY if self.is_directory(path) else NOT_FOUND)
        return files[key]

    def write(self, path: str, text: str, append: bool = False) -> None:
        """Write a file. Raises FileProblem where that cannot be."""
        if path in DEVICES:
            return
        files, key = self._place(path, write=True)
        above = path.rpartition("/")[0] or "/"
        if not self.is_directory(above) and not self.unseen(above):
            raise FileProblem("nonexistent directory")
        if self.is_directory(path):
            raise FileProblem(IS_DIRECTORY)
        files[key] = files.get(key, "") + text if append else text
        self._changed()

    def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file, or a directory with all that is in it. Raises FileProblem."""
        files, key = self._place(path, write=True)
        self.check(path)
        if key not in files and not recursive:
            raise FileProblem(IS_DIRECTORY)
        for kept, root in ((files, key), (self._directories, path)):
            for name in [n for n in kept if n == root or n.startswith(f"{root}/" if root else "")]:
                del kept[name]
        self._changed()

    def make_directory(self, path: str) -> None:
        """Make a directory, and those above it. Raises FileProblem where that cannot be."""
        if not self.is_directory(path):
            self._place(path, write=True)
            self.changes += 1
        while path not in self._directories:
            self._directories[path] = None
            path = path.rpartition("/")[0] or "/"

    def unseen(self, path: str) -> bool:
        """Whether there may well be a file or directory of that name of which nobody said so."""
        own = self._place(path)[0] is self._own and path.startswith(self._unseen)
        return bool(self._unseen) and own and not self.exists(path)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that name."""
        return self.is_file(path) or self.is_directory(path)

    def check(self, path: str) -> None:
        """Raises FileProblem if there is neither."""
        if not self.exists(path):
            raise FileProblem(NOT_FOUND)

    def is_file(self, path: str) -> bool:
        """Whether there is a file of that name."""
        files, key = self._place(path)
        return path in DEVICES or key in files

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory of that name."""
        files, key = self._place(path)
        if path in self._directories or path in _COMMON:
            return True
        return any(name.startswith(f"{key}/") for name in files)

    def below(self, path: str) -> list[str]:
        """The files in a directory and the directories in it."""
        files, key = self._place(path)
        inside = f"{key.rstrip('/')}/" if key else ""
        return [normal(name[len(inside) :], path) for name in files if name.startswith(inside)]

    def list(self, path: str) -> list[str]:
        """The names in a directory."""
        above = f"{path.rstrip('/')}/"
        there = (*self.below(path), *self._directories)
        names = {p[len(above) :].partition("/")[0] for p in there if p.startswith(above)}
        return sorted(names - {""})
