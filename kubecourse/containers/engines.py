"""The engine that labs run on: found as the `docker` command finds it, its refusals explained."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from kubecourse.containers.shown import Shown
from kubecourse.lessons.messages import text

LABEL = "kubecourse"
PREFIX = "kubecourse-"
HOST = "127.0.0.1"
"""Where everything is published."""
PULLED = "kubecourse.pulled"
"""Label of a note in the engine: this public image was pulled by a lab, and goes with `clean()`."""
GREETING, PATIENCE = 10, 600
"""Seconds for an engine's first answer, and between two signs of life of a long build or pull."""


P = ParamSpec("P")
R = TypeVar("R")


class EngineError(Exception):
    """A lab cannot go on. `reason` names a message, `said` are the engine's own words.

    Its text says what happened and what to do, in the reader's language. A value that is a dict
    is a message of its own: its `key`, and its values.
    """

    def __init__(self, reason: str, said: str = "", **values: Any) -> None:
        super().__init__(reason, said, values)
        self.reason, self.said, self.values = reason, said, values

    def __str__(self) -> str:
        said = f"\n({self.said})" if self.said else ""
        values = {
            name: text(**value) if isinstance(value, dict) else value
            for name, value in self.values.items()
        }
        return text(f"containers.error.{self.reason}", **values) + said

    def _render_traceback_(self) -> list[str]:
        """In a notebook the text is enough: where in our code it came up helps nobody."""
        return [f"{type(self).__name__}: {self}"]


class NoEngine(EngineError):
    """There is no engine to ask: no SDK, no daemon, or no right to speak to it."""


_PATIENCE = 10
"""Seconds in which the engine must have let go of a container."""
_REFUSALS = [
    ("full_disk", r"no space left on device|disk quota exceeded"),
    ("rate_limit", r"toomanyrequests|rate limit"),
    ("insecure", r"HTTP response to HTTPS client"),
    (
        "offline",
        r"no such host|network is unreachable|i/o timeout|TLS handshake|server misbehaving"
        r"|name resolution|request canceled|Client\.Timeout|connection refused",
    ),
    ("no_public_image", r"pull access denied|manifest (for .* )?(unknown|not found)"
     r"|requested access to the resource is denied"),
    ("no_image", r"no such image|reference does not exist|does not exist locally"),
    ("no_container", r"no such container"),
    ("name_taken", r"name .* is already in use"),
    ("denied", r"permission denied.*(docker|podman)\S*\.sock"),
]  # fmt: skip
"""What engines say, and what it means to a learner; the first that fits counts."""


def explained(said: str) -> EngineError:
    """What an engine said, as a course error."""
    said = " ".join(said.split())
    fits = (reason for reason, words in _REFUSALS if re.search(words, said, re.IGNORECASE))
    return EngineError(next(fits, "refused"), said)


def courteous(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function; what the SDK, or its HTTP library, raises becomes a course error."""
    try:
        return function(*args, **kwargs)
    except EngineError as error:
        error.__suppress_context__ = True  # the text says it all
        raise
    except Exception as error:
        explanation = _translated(error)
        if explanation is None:
            raise
        raise explanation from None


def _translated(error: Exception) -> EngineError | None:
    try:
        from docker.errors import APIError, DockerException
        from requests.exceptions import ConnectionError, ReadTimeout, RequestException
    except ImportError:
        return None
    said = " ".join(str(error).split())
    if isinstance(error, ReadTimeout):
        return EngineError("slow", said)
    if isinstance(error, APIError) and error.explanation:
        return explained(str(error.explanation))
    if isinstance(error, ConnectionError):
        _clients.clear()  # it has gone away; the next call looks for it again
        return NoEngine("silent", said)
    return explained(said) if isinstance(error, DockerException | RequestException) else None


# --- finding it

_clients: list[Any] = []
"""The client in use, if one is."""


def address() -> str:
    """Where the engine listens, as `docker` would find it; empty for the system's own place."""
    if found := os.environ.get("DOCKER_HOST"):
        return found
    from docker.context import ContextAPI

    context = ContextAPI.get_current_context()
    return context.Host or "" if context is not None and context.Name != "default" else ""


def connect(timeout: int = GREETING) -> Any:
    """A new client of the engine. Raises docker's DockerException."""
    import docker

    host = address()
    if host and not os.environ.get("DOCKER_HOST"):
        return docker.DockerClient(base_url=host, timeout=timeout)
    return docker.from_env(timeout=timeout)


def client() -> Any:
    """The SDK's client of the engine. Raises NoEngine."""
    if not _clients:
        try:
            from docker.errors import DockerException
            from requests.exceptions import RequestException
        except ImportError as error:
            raise NoEngine("no_sdk", str(error)) from None
        try:
            found = connect()
            found.ping()
        except (DockerException, RequestException, OSError) as error:
            denied = "permission denied" in str(error).lower()
            raise NoEngine("denied" if denied else "silent", " ".join(str(error).split())) from None
        found.api.timeout = PATIENCE
        _clients.append(found)
    return _clients[0]


class Engine(Shown):
    """An engine as it describes itself. `local`: what it publishes, this machine can reach."""

    name: str
    version: str
    address: str
    system: str
    architecture: str
    storage: str
    cgroups: str
    local: bool
    rootless: bool
    podman: bool
    limits: bool
    """Whether it can limit memory and CPU; some rootless engines cannot."""

    @property
    def remarks(self) -> list[str]:
        """What is different on an engine of this kind, in the reader's language."""
        kinds = {
            "remote": not self.local,
            "rootless": self.rootless,
            "podman": self.podman,
            "no_limits": not self.limits,
        }
        return [text(f"containers.remark.{kind}") for kind, holds in kinds.items() if holds]

    def __str__(self) -> str:
        about = f"{self.name} {self.version}, {self.system}/{self.architecture}, {self.storage}"
        return "\n".join([f"{about}, cgroup v{self.cgroups}", *self.remarks])


def engine() -> Engine:
    """The engine in use. Raises NoEngine."""
    about, info = client().version(), client().info()
    parts = " ".join(str(part.get("Name")) for part in about.get("Components") or ())
    podman = "podman" in parts.lower()
    where = address()
    desktop = "Docker Desktop" in str(info.get("OperatingSystem"))
    return Engine(
        name="Podman" if podman else "Docker Desktop" if desktop else "Docker Engine",
        version=about["Version"],
        address=where or client().api.base_url,
        system=about.get("Os", ""),
        architecture=about.get("Arch", ""),
        storage=info.get("Driver", ""),
        cgroups=str(info.get("CgroupVersion") or 1).removeprefix("v"),
        local=_is_local(where),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        podman=podman,
        limits=bool(info.get("MemoryLimit")) and bool(info.get("CpuCfsQuota")),
    )


def need_local() -> None:
    """Raises EngineError if what the engine publishes cannot be reached from here, or NoEngine."""
    client()  # no engine is another matter
    if not _is_local(where := address()):
        raise EngineError("remote", address=where)


def _is_local(where: str) -> bool:
    host = urlsplit(where)
    return host.scheme in ("", "unix", "npipe") or host.hostname in (HOST, "localhost")


# --- what is ours


def discard(container: Any) -> None:
    """Remove a container, running or not, and return when it is gone. Raises APIError.

    The engine may be removing it already: after a crash, or a build that was cut short.
    """
    from docker.errors import APIError, NotFound

    until = monotonic() + _PATIENCE
    while True:
        try:
            return container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409 or monotonic() > until:
                raise
        sleep(0.05)


def ours(name: str) -> str:
    """A name with our prefix: `hello` is `kubecourse-hello`; names with a registry stay."""
    first = name.partition("/")[0]
    return name if name.startswith(PREFIX) or "/" in name or "@" in first else PREFIX + name


def plain(name: str) -> str:
    """A local image's name without what Podman puts before it."""
    return name.removeprefix("localhost/").removeprefix("docker.io/library/")
