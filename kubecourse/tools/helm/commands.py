"""What Helm's commands do: a function each, from what was asked to what is printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaml import safe_load_all

from kubecourse.api.yaml_printing import dump
from kubecourse.tools.helm import printing
from kubecourse.tools.helm.session import deployed_at
from kubecourse.tools.sources import find_path, read

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

Asked = argparse.Namespace
HOOK = "helm.sh/hook"


class Failed(Exception):
    """A command that ends with a message of its own; `printed` came before it."""

    def __init__(self, message: str, printed: str = "") -> None:
        super().__init__(message)
        self.printed = printed


class Helm:
    """The commands, on one cluster. `config` is Helm's connection to it, None for those offline."""

    def __init__(self, cluster: Cluster, sdk: Any, config: Any, asked: Asked, stdin: str) -> None:
        self.cluster, self.sdk, self.config, self.asked = cluster, sdk, config, asked
        self.stdin = stdin

    def do(self) -> str:
        """Run the command, and return what it prints. Raises the SDK's errors, and Failed."""
        name = self.asked.command.replace(" ", "_")
        run: Callable[[], str] = getattr(self, name)
        return run()

    # --- releases

    def install(self) -> str:
        name, chart = self._name_and_chart()
        return self._install(name, chart)

    def _install(self, name: str, chart: str) -> str:
        asked = self.asked
        try:
            release = self.config.install(
                chart, name, self._values(), create_namespace=asked.create_namespace,
                dry_run=asked.dry_run, **self._source(), **self._waiting(),
            )  # fmt: skip
        except self.sdk.HelmError as error:
            raise Failed(f"INSTALLATION FAILED: {error}") from None
        return self._status(release)

    def upgrade(self) -> str:
        asked = self.asked
        name, chart = asked.args[0], _path(asked.args[1])
        if asked.install and not self._exists(name):
            return f'Release "{name}" does not exist. Installing it now.\n' + self._install(
                name, chart
            )
        try:
            release = self.config.upgrade(
                chart, name, self._values(), reuse_values=asked.reuse_values,
                reset_values=asked.reset_values, max_history=asked.history_max,
                cleanup_on_fail=asked.cleanup_on_fail, dry_run=asked.dry_run,
                **self._source(), **self._waiting(),
            )  # fmt: skip
        except self.sdk.HelmError as error:
            raise Failed(f"UPGRADE FAILED: {error}") from None
        done = f'Release "{name}" has been upgraded. Happy Helming!\n'
        return done + self._status(release)

    def rollback(self) -> str:
        asked = self.asked
        version = None
        if asked.args[1:]:
            if not asked.args[1].isdigit():
                raise Failed("could not convert revision to a number: " + asked.args[1])
            version = int(asked.args[1])
        self.config.rollback(
            asked.args[0], version=version, wait=asked.wait, timeout=round(asked.timeout),
            dry_run=asked.dry_run,
        )  # fmt: skip
        return "Rollback was a success! Happy Helming!\n"

    def uninstall(self) -> str:
        asked, lines = self.asked, []
        for name in asked.args:
            done = self.config.uninstall(
                name, keep_history=asked.keep_history, ignore_not_found=asked.ignore_not_found,
                wait=asked.wait, timeout=round(asked.timeout), dry_run=bool(asked.dry_run),
                description=asked.description,
            )  # fmt: skip
            lines += [done["info"]] if done.get("info") else []
            lines.append(f'release "{name}" uninstalled')
        return "".join(f"{line}\n" for line in lines)

    def list(self) -> str:
        asked = self.asked
        releases = self.config.list(
            all_states=asked.all, all_namespaces=asked.all_namespaces, limit=asked.max,
            name_filter=asked.filter,
        )  # fmt: skip
        if asked.short:
            return "".join(f"{release['name']}\n" for release in releases)
        head = ("NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION")
        return printing.table(
            head,
            [
                (
                    release["name"],
                    release["namespace"],
                    release["revision"],
                    printing.moment(deployed_at(self.cluster, release)),
                    release["status"],
                    f"{release['chart_name']}-{release['chart_version']}",
                    release["app_version"],
                )
                for release in releases
            ],
        )

    def status(self) -> str:
        release = self.config.status(self.asked.args[0], revision=self.asked.revision)
        return self._status(release)

    def history(self) -> str:
        name = self.asked.args[0]
        rows = []
        for release in self.config.history(name, max_revisions=self.asked.max):
            info = self.config.get_all(name, revision=release["revision"])["info"]
            rows.append(
                (
                    release["revision"],
                    printing.ansic(deployed_at(self.cluster, release)),
                    release["status"],
                    f"{release['chart_name']}-{release['chart_version']}",
                    release["app_version"],
                    info["description"],
                )
            )
        head = ("REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION")
        return printing.table(head, rows)

    def get_values(self) -> str:
        asked = self.asked
        values = self.config.get_values(
            asked.args[0], all_values=asked.all, revision=asked.revision
        )
        title = "COMPUTED VALUES:" if asked.all else "USER-SUPPLIED VALUES:"
        return f"{title}\n{dump(values or None)}"

    def get_manifest(self) -> str:
        return self._release()["summary"]["manifest"] + "\n"

    def get_notes(self) -> str:
        return f"NOTES:\n{self._release()['info'].get('notes', '')}\n"

    def get_hooks(self) -> str:
        hooks = self._release()["hooks"]
        return "".join(f"---\n# Source: {hook['path']}\n{hook['manifest']}\n" for hook in hooks)

    def test(self) -> str:
        asked = self.asked
        done = self.config.test(asked.args[0], timeout=round(asked.timeout), logs=asked.logs)
        return self._status(done["release"]) + done.get("logs", "")

    # --- charts

    def template(self) -> str:
        name, chart = self._name_and_chart("release-name")
        values = self._values()
        release = self.config.install(chart, name, values, dry_run="client", **self._source())
        text: str = release["manifest"].strip("\n") + "\n"
        if self.asked.no_hooks or not Path(chart).exists():
            return text
        with self.sdk.Chart.load(chart) as loaded:  # a release's manifest is without its hooks
            files = loaded.render(values, name=name, namespace=self.asked.namespace)
        hooks = [(path, body) for path, body in sorted(files.items()) if _is_hook(body)]
        return text + "".join(f"---\n# Source: {path}\n{body}" for path, body in hooks)

    def lint(self) -> str:
        asked, text, failed = self.asked, "", 0
        for path in asked.args or ["."]:
            report = self.sdk.lint(_path(path), self._values(), strict=asked.strict or None)
            failed += bool(report["errors"])
            text += printing.findings(path, report)
        summary = f"{len(asked.args) or 1} chart(s) linted, {failed} chart(s) failed"
        if failed:
            raise Failed(summary, text)
        return f"{text}{summary}\n"

    def show_all(self) -> str:
        what = self.asked.command.partition(" ")[2]
        shown: str = self.sdk.show(
            _path(self.asked.args[0]), output_format=what, version=self.asked.version,
            repo_url=self.asked.repo,
        )  # fmt: skip
        return shown if shown.endswith("\n") else f"{shown}\n"

    show_values = show_chart = show_all

    def dependency_list(self) -> str:
        path = _path(self.asked.args[0])
        found = self.sdk.dependency_list(path)
        if not found:
            return f"WARNING: no dependencies at {Path(path) / 'charts'}\n"
        keys = ("name", "version", "repository", "status")
        rows = [[dependency[key] for key in keys] for dependency in found]
        return printing.table([key.upper() for key in keys], rows) + "\n"

    def dependency_update(self) -> str:
        update = getattr(self.sdk, self.asked.command.replace(" ", "_"))
        done = update(_path(self.asked.args[0]))
        return done if isinstance(done, str) else ""

    dependency_build = dependency_update

    def create(self) -> str:
        path = Path(self.asked.args[0])
        self.sdk.Chart.create(path.name, path.parent).close()
        return f"Creating {path}\n"

    def package(self) -> str:
        done = self.sdk.package(
            _path(self.asked.args[0]),
            destination=self.asked.destination,
            version=self.asked.version,
        )
        return f"Successfully packaged chart and saved it to: {done}\n"

    def version(self) -> str:
        return f"{self.sdk.helm_sdk_version()}\n"

    # --- what several of them need

    def _name_and_chart(self, name: str = "") -> tuple[str, str]:
        given = self.asked.args
        if len(given) > 2:
            raise Failed(f"expected at most two arguments, unexpected arguments: {given[2]}")
        if len(given) == 1 and not name:
            raise Failed(
                "INSTALLATION FAILED: must either provide a name or specify --generate-name"
            )
        name, chart = given if len(given) == 2 else (name, given[0])
        return name, _path(chart)

    def _values(self) -> dict[str, Any]:
        """What `-f` and `--set` and its kin give, the later over the earlier."""
        asked = self.asked
        values: dict[str, Any] = {}
        for path in asked.values:
            text = self.stdin if path == "-" else read(path)
            values = _merged(values, self.sdk.values_from_yaml(text))
        parsers = {
            "set_json": self.sdk.parse_set_json,
            "set": self.sdk.parse_set_string,
            "set_string": self.sdk.parse_set_string_values,
        }
        for flag, parse in parsers.items():
            for expression in getattr(asked, flag):
                values = _merged(values, parse(expression))
        return values

    def _source(self) -> dict[str, Any]:
        return {"chart_version": self.asked.version, "chart_repo_url": self.asked.repo}

    def _waiting(self) -> dict[str, Any]:
        asked = self.asked
        undo = asked.rollback_on_failure
        return {
            "wait": asked.wait or ("watcher" if undo else None),
            "timeout": round(asked.timeout),
            "rollback_on_failure": undo,
            "description": asked.description,
        }

    def _exists(self, name: str) -> bool:
        try:
            return bool(self.config.history(name, max_revisions=1))
        except self.sdk.HelmNotFoundError:
            return False

    def _release(self) -> Any:
        return self.config.get_all(self.asked.args[0], revision=self.asked.revision)

    def _status(self, release: dict[str, Any]) -> str:
        if getattr(self.asked, "dry_run", None):
            said = printing.status(release, "Dry run complete", self.cluster.clock.utc())
            return f"{said}MANIFEST:\n{release['manifest']}\n"
        name, revision = release["name"], release["revision"]
        info = self.config.get_all(name, revision=revision)["info"]
        return printing.status(release, info["description"], deployed_at(self.cluster, release))


def _path(chart: str) -> str:
    """A chart on this machine, also below a folder above; anything else is Helm's to find."""
    found = find_path(chart)
    return str(found) if found.exists() else chart


def _merged(below: Any, above: Any) -> Any:
    """Two values one over the other, mappings key by key."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: _merged(below.get(key), value) for key, value in above.items()}


def _is_hook(text: str) -> bool:
    documents = [found for found in safe_load_all(text) if isinstance(found, dict)]
    return any(HOOK in (one["metadata"].get("annotations") or {}) for one in documents)
