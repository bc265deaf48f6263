"""A cluster elsewhere, a real one or somebody's served one, through its kubeconfig.

It is held as a simulated cluster is: kubectl's cells and the checks of exercises are the same.
Time passes there by itself, and what only a simulation can do says so.
Sources: `staging/src/k8s.io/client-go/tools/clientcmd` (where the kubeconfig is),
`staging/src/k8s.io/apimachinery/pkg/watch` (a stream of JSON lines).
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import random
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from yaml import YAMLError

from kubecourse.api import codec, custom, models
from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.resources import BY_MODEL, RESOURCES, Resource
from kubecourse.inspection import CourseError, Objects
from kubecourse.tools.kubectl import Output, run, shown
from kubecourse.tools.kubectl.connection import Connection, path_of
from kubecourse.tools.sources import manifest

Json = dict[str, Any]
POLL = 0.1
"""Seconds between two looks at what watches have told."""
QUIET = 3.0
"""Seconds without news after which a cluster counts as settled."""
TIMEOUT = 10.0
"""Seconds within which a server has to answer."""
DEFINITIONS = next(each for each in RESOURCES if each.kind == "CustomResourceDefinition")
INTO_PODS = [f"kubectl {name}" for name in ("logs", "exec", "attach", "port-forward", "debug")]
"""Commands that are the business of this machine's own kubectl: they are more than the API."""
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')
"""A `Warning` header (RFC 7234, 5.5)."""


class OnlySimulated(CourseError, AttributeError):
    """Something that a real cluster cannot do."""


class WallClock:
    """This machine's time, where a simulated cluster has its own. Seconds are since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._news = self._begun
        self.streams: list[Stream] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self._begun

    def utc(self) -> datetime:
        """The time of day, to the second."""
        return self.utc_precise().replace(microsecond=0)

    def utc_precise(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def rng(self, name: str) -> random.Random:
        """Chance, another each time."""
        return random.Random()

    def advance(self, seconds: float) -> None:
        """Wait."""
        self.wait_for(bool, seconds)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until something holds; False after `timeout` seconds."""
        end = self.now + timeout
        while True:
            came = [stream.deliver() for stream in list(self.streams)]
            if any(came):
                self._news = time.monotonic()
            if condition():
                return True
            if self.now >= end:
                return False
            time.sleep(min(POLL, max(end - self.now, 0.0)))

    def settle(self, limit: float) -> bool:
        """Wait until watches have had nothing to tell for a while."""
        self._news = time.monotonic()
        return self.wait_for(lambda: time.monotonic() - self._news > QUIET, limit)


class Stream:
    """A watch in progress: a thread reads it, and whoever waits on the clock is told."""

    def __init__(self, clock: WallClock, open_: Any, handler: Callable[[Json], None]) -> None:
        self._clock, self._open, self._handler = clock, open_, handler
        self._events: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._over = threading.Event()
        clock.streams.append(self)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        # A connection that ends is no news: whoever waits does so until its own end.
        with suppress(Exception), self._open as response:
            for line in response.iter_lines():
                if self._over.is_set():
                    return
                self._events.put(json.loads(line))

    def deliver(self) -> bool:
        """Tell what has come; whether anything has."""
        came = False
        with suppress(queue.Empty):
            while not self._over.is_set():
                event = self._events.get_nowait()
                came = True
                self._handler(event)
        return came

    def stop(self) -> None:
        """End it."""
        self._over.set()
        if self in self._clock.streams:
            self._clock.streams.remove(self)


class HTTPConnection(Connection):
    """kubectl's connection to a server over HTTPS, as a context of a kubeconfig says."""

    def __init__(self, cluster: RemoteCluster, config: Any) -> None:
        # Imported here, for it brings an HTTP client that only this needs.
        adapter: Any = importlib.import_module("lightkube.config.client_adapter")
        super().__init__(cluster, config.context.user or "")
        parameters = adapter.ConnectionParams(timeout=adapter.httpx.Timeout(TIMEOUT))
        self._http = adapter.Client(config, parameters)
        self._failed = adapter.httpx.TransportError
        self._endless = adapter.httpx.Timeout(TIMEOUT, read=None)
        self.namespace, self.context = config.namespace, config.context_name
        self.url = config.cluster.server.rstrip("/")
        self._resources: list[Resource] | None = None

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """One request; returns the answer's body."""
        content = json.dumps(body) if isinstance(body, dict | list) else body
        head = {"Accept": accept, "Content-Type": content_type, "User-Agent": "kubectl/kubecourse"}
        try:
            answer = self._http.request(
                method, self.url + path, params=query, content=content, headers=head
            )
        except self._failed as error:
            raise self._unreachable(method, path, error) from None
        if method != "GET" and DEFINITIONS.plural in path:
            self._resources = None
        warnings = [
            re.sub(r"\\(.)", r"\1", text)
            for header in answer.headers.get_list("warning")
            for text in _WARNING.findall(header)
        ]
        is_json = "json" in answer.headers.get("content-type", "")
        found = answer.json() if is_json else answer.text
        if answer.status_code >= 400 and not (isinstance(found, dict) and "message" in found):
            found = {"code": answer.status_code, "message": answer.text or answer.reason_phrase}
        return self.answered(answer.status_code, found, warnings)

    def _unreachable(self, method: str, path: str, error: Exception) -> Unreachable:
        gone = Unreachable()
        gone.address = self.url.partition("://")[2]
        gone.message = f'{method.capitalize()} "{self.url}{path}": {error}'
        gone.args = (gone.message,)
        return gone

    def reach(self, path: str, method: str = "GET") -> Any:
        """Raises Unreachable if nobody answers; a refusal is an answer."""
        try:
            self.request(method, path)
        except Unreachable:
            raise
        except ApiError:
            pass

    @property
    def resources(self) -> Sequence[Resource]:
        """What Kubernetes serves, and what the server's CustomResourceDefinitions add."""
        if self._resources is None:
            self._resources = list(RESOURCES)
            with suppress(ApiError):  # who may not list them does without
                for definition in self.list(DEFINITIONS):
                    with suppress(ValueError):
                        decoded = codec.decode(definition, DEFINITIONS.schema)[0]
                        self._resources += custom.resources_of(decoded)
        return self._resources

    def revision(self, resource: Resource, namespace: str | None) -> str:
        """The resourceVersion after which a watch tells what is new."""
        answer = self.request("GET", path_of(resource, namespace), {"limit": "1"})
        return str(answer["metadata"]["resourceVersion"])

    def stream(
        self, path: str, query: dict[str, str], accept: str, handler: Callable[[Json], None]
    ) -> Stream:
        """Open a watch."""
        opened = self._http.stream(
            "GET", self.url + path, params=query, headers={"Accept": accept}, timeout=self._endless
        )
        return Stream(self.clock, opened, handler)  # type: ignore[arg-type]

    def passed_on(self, path: str, words: list[str], stdin: str | None) -> Any:
        """What goes into pods is run by this machine's kubectl, if there is one."""
        if path not in INTO_PODS:
            return None
        place = ["--kubeconfig", str(self.cluster.kubeconfig), "--context", self.context]
        line = ["kubectl", *place, "-n", self.namespace, *words]  # of two -n the last counts
        if path == "kubectl port-forward":
            lasts = f"it lasts until it is interrupted; in a terminal: {shlex.join(line)}"
            return SimpleNamespace(stdout="", stderr=f"error: {lasts}\n", returncode=1)
        if shutil.which("kubectl") is None:
            needs = f"error: {path} on a real cluster needs kubectl on this machine: there is none"
            return SimpleNamespace(stdout="", stderr=f"{needs}\n", returncode=1)
        return subprocess.run(line, input=stdin, capture_output=True, text=True, check=False)


class RemoteClient:
    """A connection for checks: objects by their class, as `kubecourse.client.Client` has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _ask(self, method: str, cls: type[Any], where: Any, body: Any = None) -> Any:
        resource = BY_MODEL[cls]
        answer = self._connection.request(method, path_of(resource, *where), {}, body)
        return codec.decode(answer, resource.schema)[0]

    def get(self, cls: type[Any], name: str, namespace: str | None = None) -> Any:
        """One object. Raises ApiError."""
        return self._ask("GET", cls, (namespace, name))

    def list(
        self,
        cls: type[Any],
        namespace: str | None = None,
        labels: str | None = None,
        fields: str | None = None,
    ) -> list[Any]:
        """All objects of a kind, in a namespace or (None) in all. Raises ApiError."""
        resource = BY_MODEL[cls]
        found = self._connection.list(resource, namespace, labels or "", fields or "")
        return [codec.decode(item, resource.schema)[0] for item in found]

    def create(self, obj: Any) -> Any:
        """Store a new object. Raises ApiError."""
        return self._ask("POST", type(obj), (_namespace(obj),), _json(obj))

    def update(self, obj: Any) -> Any:
        """Replace an object. Raises ApiError."""
        return self._ask("PUT", type(obj), (_namespace(obj), obj.metadata.name), _json(obj))


def _namespace(obj: Any) -> str | None:
    return obj.metadata.namespace if BY_MODEL[type(obj)].namespaced else None


def _json(obj: Any) -> Json:
    resource = BY_MODEL[type(obj)]
    return {"apiVersion": resource.api_version, "kind": resource.kind, **codec.encode(obj)}


class RemoteCluster(Objects):
    """A cluster elsewhere: `Cluster.connect()`."""

    def __init__(self, kubeconfig: str | Path | None = None, context: str | None = None) -> None:
        from lightkube import KubeConfig
        from lightkube.core.exceptions import ConfigError

        self.kubeconfig = _kubeconfig(kubeconfig)
        self.clock = WallClock()
        try:
            config = KubeConfig.from_file(self.kubeconfig).get(context)
            if config is None:
                raise CourseError(f"{self.kubeconfig}: no context is chosen there: give context=")
            self.connection = HTTPConnection(self, config)
            version = self.connection.request("GET", "/version")
        except (ConfigError, YAMLError, ApiError, AssertionError) as error:
            raise CourseError(f"{self.kubeconfig}: {error}") from None
        self.client = RemoteClient(self.connection)
        self.version = str(version["gitVersion"])

    def __repr__(self) -> str:
        place = f"context {self.connection.context}, {self.connection.url}"
        return f"<cluster elsewhere: {place}, Kubernetes {self.version}>"

    def __getattr__(self, name: str) -> Any:
        from kubecourse.cluster import Cluster

        if hasattr(Cluster, name) and not name.startswith("_"):
            raise OnlySimulated(
                f"{name}: only a simulated cluster can do that, and {self!r} is not"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def now(self) -> float:
        """Seconds since it was connected to."""
        return self.clock.now

    def give_time(self, seconds: float) -> None:
        """Let what was asked for happen: until no pod changes, or so many seconds."""
        self._calm(seconds)

    def settle(self, limit: float = 60.0) -> None:
        """Wait, at most so many real seconds, until no pod has changed for a few."""
        if not self._calm(limit):
            print(f"Things are still happening after {limit:.0f} seconds.")

    def _calm(self, limit: float) -> bool:
        stream = self.connection.watch(BY_MODEL[models.core_v1.Pod], None, lambda event: None)
        try:
            return self.clock.settle(limit)
        finally:
            stream.stop()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 60.0) -> bool:
        """Wait until `condition()` holds; False after `timeout` real seconds."""
        return self.clock.wait_for(condition, timeout)

    def get(self, name: str, namespace: str = "default") -> Any:
        """An object by kind and name: `cluster.get("deployment/web")`. None if it is not there."""
        resource, _, local = name.partition("/")
        found = self._resource(resource)
        try:
            return self.client.get(found.model, local, namespace if found.namespaced else None)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def list(self, kind: str, namespace: str | None = "default", selector: str = "") -> list[Any]:
        """All objects of a kind in a namespace (None: in all), that a label selector matches."""
        found = self._resource(kind)
        return self.client.list(found.model, namespace if found.namespaced else None, selector)

    # --- what people type

    def kubectl(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command and print what kubectl prints."""
        return shown(self, command, stdin)

    def run(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command without printing anything."""
        return run(self, command, stdin)

    def helm(self, command: str, stdin: str | None = None) -> Output:
        """Run a helm command, with the real Helm, and print what it prints."""
        from kubecourse.tools import helm

        if not helm.available():
            return Output("", helm.MISSING, 1).show()
        here: Any = self
        return helm.shown(here, command, stdin)

    @property
    def service(self) -> Any:
        """What Helm is told: where the cluster is, and that time passes there by itself."""
        environment = {
            "KUBECONFIG": str(self.kubeconfig),
            "HELM_KUBECONTEXT": self.connection.context,
        }
        return SimpleNamespace(
            kubeconfig=str(self.kubeconfig),
            environment=environment,
            speed=1.0,
            asked=0,
            changes=None,
        )

    def apply(self, source: Any) -> Output:
        """`kubectl apply`: a file, a directory, YAML text, or an object."""
        command, stdin = manifest(source)
        return self.kubectl(command, stdin)


def _kubeconfig(given: str | Path | None) -> Path:
    """The file that is meant: the one given, the first that KUBECONFIG names, or the usual one."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    usual = Path("~/.kube/config").expanduser()
    path = Path(given).expanduser() if given else Path(next(filter(None, named), usual))
    if not path.is_file():
        raise CourseError(
            f"{path}: there is no such kubeconfig. Give one, Cluster.connect('FILE'): "
            "`kubecourse serve` in a terminal writes one and prints where"
        )
    return path
