"""What a pod's containers are given: variables, and volumes with their files.

Source: `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables), `pkg/volume`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.volumes import claim_of
from kubecourse.node.kubelet import references
from kubecourse.node.runtime.files import size_of

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

PATIENCE = 30.0
"""Seconds for which `settle` waits for what comes of what a new pod writes."""
REFRESH = 75.0
"""Seconds after which what a volume shows is up to date at the latest: at the pod's next sync."""


class Given:
    """Knows what one pod's containers are given."""

    __slots__ = ("_worker",)

    def __init__(self, worker: PodWorker) -> None:
        self._worker = worker

    def services(self) -> list[Any]:
        """The Services that a container's variables tell of: those there are at its start.

        The API's own, and those of its namespace unless it wants no links. If the API server does
        not answer, those that the kubelet has last heard of.
        """
        kubelet, pod = self._worker.kubelet, self._worker.pod
        known, own = kubelet.known_services, pod.metadata.namespace
        with suppress(ApiError):
            for namespace in dict.fromkeys(("default", own)):
                known[namespace] = kubelet.client.list(models.core_v1.Service, namespace)
        api = [each for each in known.get("default", []) if each.metadata.name == "kubernetes"]
        if pod.spec.enableServiceLinks is False:
            return api
        return api + [each for each in known.get(own, []) if each not in api]

    def environment(self, spec: Any, services: list[Any]) -> dict[str, str]:
        """A container's variables."""
        worker = self._worker
        client, sandbox = worker.kubelet.client, worker.sandbox
        return references.environment(client, worker.pod, spec, sandbox, services)

    def volume(self, name: str) -> tuple[dict[str, str], bool]:
        """A volume's files, and whether they may only be read."""
        kubelet, pod = self._worker.kubelet, self._worker.pod
        files = references.volume_files(kubelet.client, pod, name)
        if files is not None:
            return files, True
        volume = next(volume for volume in pod.spec.volumes if volume.name == name)
        if volume.hostPath is not None:
            return kubelet.runtime.directories.setdefault(volume.hostPath.path, {}), False
        claim, network = claim_of(volume, pod), kubelet.runtime.network
        if claim is None or network is None:
            return {}, False
        disk = references.disk_of(kubelet.client, claim, pod.metadata.namespace)
        return network.disks.setdefault(disk, {}), False

    def mount(self) -> None:
        """Look up what claims hold and what may change; other volumes when they are used."""
        worker = self._worker
        assert worker.sandbox is not None
        shown = [each.where for each in references.changing(worker.pod.spec)]
        claimed = [v.name for v in worker.pod.spec.volumes or () if claim_of(v, worker.pod)]
        for name in (*shown, *claimed):
            worker.sandbox.volumes[name] = self.volume(name)

    def expect_refresh(self) -> None:
        """Something that a volume shows has changed: it will, too, when the pod is next synced."""
        worker = self._worker
        if worker.sandbox is not None and not worker.expects("refresh"):
            worker.later("refresh", worker.kubelet.rng.uniform(0.0, REFRESH), self._refresh)

    def _refresh(self) -> None:
        """Bring the files of volumes up to date; those of what is gone stay."""
        sandbox, pod = self._worker.sandbox, self._worker.pod
        assert sandbox is not None
        for name, (files, _) in sandbox.volumes.items():
            new = references.volume_files(self._worker.kubelet.client, pod, name)
            if new and new != files:
                files.clear()
                files.update(new)
                sandbox.changed()

    def wrote(self) -> None:
        """Something has been written to disk: it may be too much."""
        worker = self._worker
        clock = worker.kubelet.clock
        late = clock.now > clock.seconds(worker.start_time) + PATIENCE
        worker.kubelet.eviction.look(background=late)

    def empty_dirs(self) -> Iterator[tuple[str, str | None, int]]:
        """The emptyDirs that are on disk: name, limit if there is one, bytes that are in it."""
        volumes = self._worker.sandbox.volumes if self._worker.sandbox is not None else {}
        for volume in self._worker.pod.spec.volumes or ():
            empty = volume.emptyDir
            if empty is not None and volume.name in volumes:
                files, _ = volumes[volume.name]
                yield volume.name, empty.sizeLimit, sum(map(size_of, files.values()))
