"""Take away what labs left in the engine, and nothing else."""

from __future__ import annotations

from kubecourse.containers.bases import table
from kubecourse.containers.engines import HOST, LABEL, PREFIX, PULLED, client, discard, plain
from kubecourse.containers.recording import on_engine
from kubecourse.containers.shown import Shown


class Removed(Shown):
    """What `clean()` took away."""

    containers: list[str]
    images: list[str]
    networks: list[str]
    volumes: list[str]

    def __str__(self) -> str:
        found = {kind: getattr(self, kind) for kind in self.__struct_fields__}
        lines = [f"{kind}: {', '.join(names)}" for kind, names in found.items() if names]
        return "\n".join(["removed " + line for line in lines] or ["nothing of ours was there"])


@on_engine
def clean(bases: bool = True) -> Removed:
    """Remove every container, image, network and volume of ours, and nothing else.

    Without `bases`, base images stay, so that the next lab need not fetch them again. Raises
    NoEngine, and EngineError if something refuses to go.
    """
    label = {"label": LABEL}
    gone: dict[str, list[str]] = {kind: [] for kind in Removed.__struct_fields__}
    gone["containers"] = remove_containers()
    for kind, found in (("networks", client().networks), ("volumes", client().volumes)):
        for one in found.list(filters=label):
            one.remove()
            gone[kind].append(one.name)
    # An image waits for those built upon it, so: until a round removes nothing more.
    keep = frozenset() if bases else frozenset(f"{PREFIX}{name}:latest" for name in table())
    while removed := _remove_images(notes=False, keep=keep):
        gone["images"] += removed
    if bases:
        gone["images"] += _remove_images(notes=True)
    return Removed(**gone)


def remove_containers() -> list[str]:
    """Remove all containers of ours; returns their names. Raises EngineError if one stays."""
    names: dict[str, None] = {}
    while found := client().containers.list(
        all=True, filters={"label": LABEL}, ignore_removed=True
    ):
        for container in found:
            names[container.name] = None
            discard(container)
    return list(names)


def _remove_images(notes: bool, keep: frozenset[str] = frozenset()) -> list[str]:
    """Remove images of ours that nothing needs; with `notes`, notes of what was pulled."""
    removed = []
    for image in client().images.list(all=True, filters={"label": LABEL}):
        pulled = image.labels.get(PULLED)
        if keep and (pulled or not keep.isdisjoint(map(plain, image.tags))):
            continue
        if pulled and not notes and _untag(pulled):
            removed.append(pulled)
        if bool(pulled) != notes:
            continue
        mine = [tag for tag in image.tags if _is_ours(tag)]
        removed += [tag for tag in mine if _untag(tag)]
        if len(mine) == len(image.tags) and _untag(image.id) and not mine:
            removed.append(image.short_id)
    return removed


def _untag(name: str) -> bool:
    """Remove a name and, if it was the last one, its image; False if that cannot be (yet)."""
    from docker.errors import APIError

    try:
        client().images.remove(name, force=":" not in name or name.startswith("sha256:"))
    except APIError as error:
        if error.status_code in (404, 409):
            return False
        raise
    return True


def _is_ours(tag: str) -> bool:
    """Whether a name of a labelled image was given by a lab, not by the learner for keeps."""
    registry, _, _ = tag.partition("/")
    return plain(tag).startswith(PREFIX) or registry.startswith((f"{HOST}:", "localhost:"))
