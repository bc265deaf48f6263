"""Running Helm: the SDK where it is installed, else the `helm` command, else a word why not."""

from __future__ import annotations

import importlib
import math
import os
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kubecourse.tools.helm import cli, recording
from kubecourse.tools.helm.commands import Failed, Helm
from kubecourse.tools.helm.session import hurried, patiently, served
from kubecourse.tools.kubectl import Output

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster
    from kubecourse.control_plane.apiserver.http.service import Service

MISSING = (
    "error: Helm is not here. `pip install 'kubecourse[helm]'` brings it as a library (Linux, "
    "macOS on Apple chips, Windows); or install the helm command: "
    "https://helm.sh/docs/intro/install/\n"
)
SERVING = ("aiohttp", "trustme")
"""The packages of the extra `serve`, which that of Helm brings."""
OFFLINE = ("lint", "show", "dependency", "create", "package", "version")


def sdk() -> Any:
    """Helm's library, or None where there is none."""
    try:
        return importlib.import_module("helm_python")
    except (ImportError, OSError):
        return None


def available() -> str:
    """What Helm there is: `library`, `command`, or nothing; it needs what serves a cluster."""
    if any(find_spec(name) is None for name in SERVING):
        return ""
    return "library" if sdk() is not None else "command" if shutil.which("helm") else ""


def version() -> str:
    """Helm's version, such as `v4.2.3`; empty where there is none."""
    found = available()
    if found != "command":
        return str(sdk().helm_sdk_version()) if found else ""
    ask = ["helm", "version", "--template={{.Version}}"]
    return subprocess.run(ask, text=True, capture_output=True, check=False).stdout.strip()


def shown(cluster: Cluster, args: str | list[str], stdin: str | None = None) -> Output:
    """Run a helm command and print what it prints; a line above says so if that is recorded."""
    output = run(cluster, args, stdin)
    if not available() and output.stderr != MISSING:
        recording.tape.tell()
    return output.show()


def run(cluster: Cluster, args: str | list[str], stdin: str | None = None) -> Output:
    """Run a helm command on a cluster; `args` with or without the word `helm`."""
    try:
        words = shlex.split(args) if isinstance(args, str) else list(args)
    except ValueError as error:
        return Output("", f"Error: cannot read the command line: {error}\n", 1)
    words = words[1:] if words[:1] == ["helm"] else words
    library = sdk()
    if not available():
        return recording.replayed(cluster, words) or Output("", MISSING, 1)
    with served(cluster) as service:
        real, limit = hurried(words) if service.speed == 0 else (words, math.inf)
        began, service.changes = cluster.now, [] if recording.tape.is_recording else None
        if library is None:
            output = patiently(service, lambda: _command(service, real, stdin), limit)
        else:
            output = _library(cluster, library, service, real, stdin, limit)
        recording.keep(words, output, began, cluster.now - began, service.changes or [])
    return output


def _command(service: Service, words: list[str], stdin: str | None) -> Output:
    done = subprocess.run(
        ["helm", *words], env=os.environ | service.environment, input=stdin, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    return Output(done.stdout, done.stderr, done.returncode)


def _library(
    cluster: Cluster,
    library: Any,
    service: Service,
    words: list[str],
    stdin: str | None,
    limit: float,
) -> Output:
    try:
        asked = cli.parse(words)
        offline = asked.command.partition(" ")[0] in OFFLINE
        config = None if offline else library.Config(
            kubeconfig_path=service.kubeconfig,
            namespace="" if getattr(asked, "all_namespaces", False) else asked.namespace,
        )  # fmt: skip
        helm = Helm(cluster, library, config, asked, stdin or "")
        try:
            return Output(patiently(service, helm.do, limit), "", 0)
        finally:
            if config is not None:
                config.close()
    except Failed as error:
        return Output(error.printed, f"Error: {error}\n", 1)
    except (cli.UsageError, library.HelmError, OSError) as error:
        return Output("", f"Error: {error}\n", 1)
