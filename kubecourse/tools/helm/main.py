"""Running Helm: the SDK where it is installed, else the `helm` command, else a word why not."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from kubecourse.tools.helm import cli
from kubecourse.tools.helm.commands import Failed, Helm
from kubecourse.tools.helm.session import patiently, served
from kubecourse.tools.kubectl import Output

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster
    from kubecourse.control_plane.apiserver.http.service import Service

MISSING = (
    "error: Helm is not here. `pip install 'kubecourse[helm]'` brings it as a library (Linux, "
    "macOS on Apple chips, Windows); or install the helm command: "
    "https://helm.sh/docs/intro/install/\n"
)
OFFLINE = ("lint", "show", "dependency", "create", "package", "version")


def sdk() -> Any:
    """Helm's library, or None where there is none."""
    try:
        return importlib.import_module("helm_python")
    except (ImportError, OSError):
        return None


def available() -> str:
    """What Helm there is: `library`, `command`, or nothing."""
    return "library" if sdk() is not None else "command" if shutil.which("helm") else ""


def run(cluster: Cluster, args: str | list[str], stdin: str | None = None) -> Output:
    """Run a helm command on a cluster; `args` with or without the word `helm`."""
    try:
        words = shlex.split(args) if isinstance(args, str) else list(args)
    except ValueError as error:
        return Output("", f"Error: cannot read the command line: {error}\n", 1)
    words = words[1:] if words[:1] == ["helm"] else words
    library = sdk()
    if library is None and not shutil.which("helm"):
        return Output("", MISSING, 1)
    with served(cluster) as service:
        if library is None:
            return patiently(service, lambda: _command(service, words, stdin))
        return _library(cluster, library, service, words, stdin)


def _command(service: Service, words: list[str], stdin: str | None) -> Output:
    done = subprocess.run(
        ["helm", *words], env=os.environ | service.environment, input=stdin, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    return Output(done.stdout, done.stderr, done.returncode)


def _library(
    cluster: Cluster, library: Any, service: Service, words: list[str], stdin: str | None
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
            return Output(patiently(service, helm.do), "", 0)
        finally:
            if config is not None:
                config.close()
    except Failed as error:
        return Output(error.printed, f"Error: {error}\n", 1)
    except (cli.UsageError, library.HelmError, OSError) as error:
        return Output("", f"Error: {error}\n", 1)
