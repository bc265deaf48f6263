"""What a kubelet throws away: containers that have ended, and images that nothing uses.

Sources: `pkg/kubelet/kuberuntime/kuberuntime_gc.go`, `pkg/kubelet/images/image_gc_manager.go`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kubecourse.node.runtime.references import InvalidReference, parse_reference

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet
    from kubecourse.node.runtime.runtime import Runtime

UNPACKED = 2.5
"""How much larger an image is on disk than in a registry, where it is compressed."""


def size_of_images(runtime: Runtime) -> float:
    """Bytes of disk that images take."""
    return UNPACKED * sum(image.size for image in runtime.images.values())


def remove_dead_containers(runtime: Runtime) -> None:
    """Remove the containers that have ended, with their files and logs; of each the last stays."""
    for sandbox in runtime.sandboxes.values():
        sandbox.previous.clear()


def remove_unused_images(kubelet: Kubelet) -> None:
    """Remove the images of which there is no container, running or not."""
    runtime = kubelet.runtime
    used = {
        container.image_name
        for sandbox in runtime.sandboxes.values()
        for container in sandbox.containers.values()
    }
    for worker in kubelet.pods.values():
        for container in worker.containers:
            with suppress(InvalidReference):  # one that has been pulled and is about to start
                used.add(parse_reference(container.spec.image).full)
    for name in [name for name in runtime.images if name not in used]:
        del runtime.images[name]
        kubelet.images.changed = True
