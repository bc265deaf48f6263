"""A container's files: its own layer, and the volumes mounted into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DEVICES = {"/dev/null": "", "/dev/zero": "", "/dev/stdout": "", "/dev/stderr": ""}
_DIRECTORIES = ("/", "/bin", "/dev", "/etc", "/home", "/proc", "/root", "/tmp", "/usr", "/var")


class NoSuchFile(Exception):
    """There is no file of that name; or it is a directory, or may not be written."""

    def __init__(self, why: str = "No such file or directory") -> None:
        super().__init__(why)
        self.why = why


def normal(path: str, cwd: str = "/") -> str:
    """An absolute path without `.` and `..`."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class Mount:
    """A volume at a place in a container."""

    __slots__ = ("files", "path", "read_only")

    def __init__(self, path: str, files: dict[str, str], read_only: bool) -> None:
        self.path = path
        self.files = files
        self.read_only = read_only


class FileSystem:
    """Files by absolute path. `changed` is called when one has been written or removed."""

    __slots__ = ("_changed", "_directories", "_mounts", "_own")

    def __init__(
        self, own: dict[str, str], mounts: list[Mount], changed: Callable[[], Any]
    ) -> None:
        self._own = own
        self._mounts = sorted(mounts, key=_longest_first)
        self._directories = dict.fromkeys(_DIRECTORIES)
        self._changed = changed

    def _place(self, path: str) -> tuple[dict[str, str], str, bool]:
        """Where a path is kept: the files, its key in them, whether they may not be written."""
        for mount in self._mounts:
            if path == mount.path or path.startswith(f"{mount.path}/"):
                return mount.files, path[len(mount.path) :].lstrip("/"), mount.read_only
        return self._own, path, False

    def read(self, path: str) -> str:
        """A file's text. Raises NoSuchFile."""
        if path in DEVICES:
            return DEVICES[path]
        files, key, _ = self._place(path)
        if key in files and key:
            return files[key]
        raise NoSuchFile(
            "Is a directory" if self.is_directory(path) else "No such file or directory"
        )

    def write(self, path: str, text: str, append: bool = False) -> None:
        """Write a file. Raises NoSuchFile where that cannot be."""
        if path in DEVICES:
            return
        files, key, read_only = self._place(path)
        if read_only:
            raise NoSuchFile("Read-only file system")
        if not self.is_directory(path.rpartition("/")[0] or "/"):
            raise NoSuchFile("nonexistent directory")
        if self.is_directory(path):
            raise NoSuchFile("Is a directory")
        files[key] = files.get(key, "") + text if append else text
        self._changed()

    def remove(self, path: str, recursive: bool = False) -> None:
        """Remove a file, or a directory with all that is in it. Raises NoSuchFile."""
        files, key, read_only = self._place(path)
        if read_only:
            raise NoSuchFile("Read-only file system")
        if key in files:
            del files[key]
        elif self.is_directory(path):
            if not recursive:
                raise NoSuchFile("Is a directory")
            for name in [n for n in files if n.startswith(f"{key}/" if key else "")]:
                del files[name]
            for name in [d for d in self._directories if d == path or d.startswith(f"{path}/")]:
                del self._directories[name]
        else:
            raise NoSuchFile()
        self._changed()

    def make_directory(self, path: str) -> None:
        """Make a directory, and those above it."""
        while path not in self._directories:
            self._directories[path] = None
            path = path.rpartition("/")[0] or "/"

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that name."""
        return self.is_file(path) or self.is_directory(path)

    def is_file(self, path: str) -> bool:
        """Whether there is a file of that name."""
        files, key, _ = self._place(path)
        return path in DEVICES or key in files

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory of that name."""
        if path in self._directories or any(mount.path == path for mount in self._mounts):
            return True
        files, key, _ = self._place(path)
        return any(name.startswith(f"{key}/") for name in files)

    def list(self, path: str) -> list[str]:
        """The names in a directory."""
        prefix = "/" if path == "/" else f"{path}/"
        names: set[str] = set()
        files, key, _ = self._place(path)
        inside = f"{key.rstrip('/')}/" if key not in ("", "/") else key
        names.update(name[len(inside) :].split("/")[0] for name in files if name.startswith(inside))
        for other in (*self._directories, *(mount.path for mount in self._mounts)):
            if other.startswith(prefix) and other != prefix:
                names.add(other[len(prefix) :].split("/")[0])
        return sorted(names)


def _longest_first(mount: Mount) -> int:
    return -len(mount.path)
