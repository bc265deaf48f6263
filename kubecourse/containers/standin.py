"""Root file systems made of this machine's Debian packages, where no registry can be reached.

A recipe names packages; those they depend on come along. An installed package gives its installed
files; another one is downloaded with apt, and unpacked without being installed.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_UNUSED = re.compile(
    r"/usr/share/(doc|man|info|locale|lintian|bug|perl5|zoneinfo|gcc|python3/runtime.d)(/|$)"
    r"|/(systemd|init\.d|default|cron\.\w+)/|\.pyc$|/lto1$|lto-dump[-\d]*$|/gprofng/|/lib[alt]san\."
)
"""What no container of the course reads."""

_MERGED = re.compile(r"^/(bin|sbin|lib|lib32|lib64|libx32)(?=/|$)")


class NoStandIn(Exception):
    """A stand-in cannot be built on this machine; the text says why."""


@contextmanager
def root(recipe: dict[str, Any]) -> Iterator[str]:
    """The path of a tar archive of what a recipe asks for: the same bytes from the same packages.

    A recipe has `packages`, and may have `leave_out` (packages not to come along), `files` (path
    to content) and `links` (path to target). Raises NoStandIn.
    """
    if shutil.which("dpkg-query") is None:
        raise NoStandIn("this is not a Debian or Ubuntu machine")
    with tempfile.TemporaryDirectory(prefix="kubecourse-") as folder:
        path = Path(folder) / "root.tar"
        copies = dict(_files(recipe, Path(folder)))
        texts = recipe.get("files", {})
        links = {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}
        links |= recipe.get("links", {})
        with tarfile.open(path, "w") as tar:
            for name in _folders([*copies, *texts, *links]):
                _put(tar, name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755)
            for name in sorted({*copies, *texts, *links}):
                if name in links:
                    _put(tar, name, tarfile.SYMTYPE, 0o777, target=links[name])
                elif name in texts:
                    content = texts[name].encode()
                    _put(tar, name, tarfile.REGTYPE, 0o644, io.BytesIO(content), len(content))
                else:
                    _copy(tar, name, copies[name])
        yield str(path)


def _folders(names: list[str]) -> list[str]:
    found = {"tmp", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64"}
    for name in [*names, *found]:
        found.update(map(str, Path(name).parents))
    return sorted(found - {"."})


def _put(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes,
    mode: int,
    content: IO[bytes] | None = None,
    size: int = 0,
    target: str = "",
) -> None:
    """An entry whose owner and time are the same everywhere."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, size, target
    tar.addfile(entry, content)


def _copy(tar: tarfile.TarFile, name: str, source: str) -> None:
    """A file or link as a package has it."""
    about = os.lstat(source)
    if stat.S_ISLNK(about.st_mode):
        _put(tar, name, tarfile.SYMTYPE, 0o777, target=os.readlink(source))
    elif stat.S_ISREG(about.st_mode):
        with open(source, "rb") as file:
            mode = stat.S_IMODE(about.st_mode) & 0o755
            _put(tar, name, tarfile.REGTYPE, mode, file, about.st_size)


def _files(recipe: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """What goes where: the name in the archive, and the file that it is copied from."""
    installed, left_out = _installed(), set(recipe.get("leave_out", ()))
    waiting, taken = list(recipe["packages"]), []
    known = set(waiting) | left_out
    while waiting:
        package = waiting.pop()
        if package in installed:
            identity, needs = installed[package]
            taken.append(identity)
        else:
            unpacked, needs = _download(package, folder)
            for place, _, names in os.walk(unpacked):
                inside = "/" + os.path.relpath(place, unpacked)
                for name in names:
                    path = os.path.normpath(f"{inside}/{name}")
                    if not _UNUSED.search(path):
                        yield _merged(path), os.path.join(place, name)
        for alternatives in needs:
            chosen = next((one for one in alternatives if one in installed), alternatives[0])
            if chosen not in known and not left_out.intersection(alternatives):
                known.add(chosen)
                waiting.append(chosen)
    for path in _run("dpkg-query", "-L", *taken).splitlines() if taken else ():
        if (
            path.startswith("/")
            and not _MERGED.fullmatch(path)
            and not _UNUSED.search(path)
            and os.path.lexists(path)
        ):
            about = os.lstat(path)
            if not stat.S_ISDIR(about.st_mode) and os.access(path, os.R_OK):
                yield _merged(path), path


def _merged(path: str) -> str:
    """A path in the archive, where /bin is a link to /usr/bin as in Debian since 12."""
    return _MERGED.sub(r"/usr/\1", path).lstrip("/")


Needs = list[list[str]]
"""What a package depends on: of each list, one is enough."""


def _installed() -> dict[str, tuple[str, Needs]]:
    """Installed packages by name, as dpkg identifies them, with what they depend on."""
    form = "${db:Status-Status}\t${Package}\t${binary:Package}\t${Pre-Depends}, ${Depends}\n"
    found: dict[str, tuple[str, Needs]] = {}
    for line in _run("dpkg-query", "-W", "-f", form).splitlines():
        status, name, identity, depends = line.split("\t")
        if status == "installed":
            found.setdefault(name, (identity, _needs(depends)))
    return found


def _needs(depends: str) -> Needs:
    return [
        [re.split(r"[\s:(]", one.strip())[0] for one in part.split("|")]
        for part in depends.split(",")
        if part.strip()
    ]


def _download(package: str, folder: Path) -> tuple[Path, Needs]:
    """A package that is not installed, unpacked below `folder`; kept for days without a network."""
    unpacked = folder / package
    unpacked.mkdir()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    kept = Path(home) / "kubecourse" / "packages" / package
    kept.mkdir(parents=True, exist_ok=True)
    try:
        if not list(kept.glob("*.deb")):
            _run("apt-get", "download", "-q", package, cwd=folder)
            for archive in folder.glob("*.deb"):
                shutil.move(archive, kept)
        archive = next(kept.glob("*.deb"))
        _run("dpkg-deb", "-x", str(archive), str(unpacked))
        return unpacked, _needs(_run("dpkg-deb", "-f", str(archive), "Depends"))
    except (NoStandIn, StopIteration) as error:
        raise NoStandIn(
            f"Debian's package {package} is neither installed nor to be had: {error}"
        ) from None


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=120, check=True,
            stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise NoStandIn(" ".join(error.stderr.split())[-300:]) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoStandIn(str(error)) from None
    return done.stdout
