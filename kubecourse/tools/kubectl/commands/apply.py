"""`kubectl apply`: make the cluster what the manifests say."""

from __future__ import annotations

from dataclasses import replace

from kubecourse.api.errors import ApiError
from kubecourse.api.patch import PatchError
from kubecourse.tools.kubectl import applying, flags, output, resources
from kubecourse.tools.kubectl.applying import LAST_APPLIED, MISSING_ANNOTATION
from kubecourse.tools.kubectl.changing import recreate, selected
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, SeveralErrors, prefixed, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

MANAGER = "kubectl-client-side-apply"


def run(inv: Invocation) -> None:
    """Apply every object of -f; one that is refused does not keep the others back."""
    if inv.args:
        raise inv.usage_error(f"Unexpected args: [{' '.join(inv.args)}]")
    if inv.flags["server-side"]:
        raise KubectlError("--server-side is not simulated yet: leave it out")
    if inv.flags["force-conflicts"]:
        raise KubectlError("--force-conflicts only works with --server-side")
    if inv.flags["prune"]:
        raise KubectlError("--prune is not simulated: delete what left the manifests by name")
    if not inv.flags["filename"] and not inv.flags["kustomize"]:
        raise KubectlError("must specify one of -f and -k")
    errors: list[Exception] = []
    infos = selected(inv, resources.from_files(inv, errors))
    if not infos and not errors:
        raise KubectlError("no objects passed to apply")
    for info in infos:
        try:
            _apply(inv, info)
        except (ApiError, KubectlError) as error:
            errors.append(error)
        except SeveralErrors as several:
            errors += several.errors
    raise_all(errors)


def _apply(inv: Invocation, info: Info) -> None:
    metadata = info.object["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        name = metadata["generateName"]
        raise KubectlError(f"from {name}: cannot use generate name with apply")
    if not info.name:
        raise KubectlError("resource name may not be empty")
    current = inv.connection.find(info.resource, info.namespace, info.name)
    if current is None:
        _create(inv, info)
    elif inv.dry_run == "client":
        output.print_result(inv, replace(info, object=current), "configured")
    else:
        _patch(inv, info, current)


def _create(inv: Invocation, info: Info) -> None:
    manifest = applying.annotated(info.object)
    if inv.dry_run != "client":
        try:
            manifest = inv.connection.create(
                info.resource,
                info.namespace,
                manifest,
                dry_run=inv.dry_run == "server",
                validation=resources.validation(inv),
                field_manager=MANAGER,
            )
        except ApiError as error:
            raise prefixed(error, f'error when creating "{info.source}"') from None
    output.print_result(inv, replace(info, object=manifest), "created")


def _patch(inv: Invocation, info: Info, current: applying.Json) -> None:
    if LAST_APPLIED not in (current["metadata"].get("annotations") or {}):
        inv.warn(MISSING_ANNOTATION.format(f"{info.resource.plural}/{info.name}"))
    source = f'error when patching "{info.source}"'
    try:
        patch = applying.apply_patch(info.resource, info.object, current)
    except PatchError as error:
        raise KubectlError(f"{source}: creating patch with: {error}") from None
    patched = current
    if patch:
        try:
            patched = inv.connection.patch(
                info.resource,
                info.namespace,
                info.name,
                patch,
                dry_run=inv.dry_run == "server",
                validation=resources.validation(inv),
                field_manager=MANAGER,
            )
        except ApiError as error:
            if not inv.flags["force"] or error.reason not in ("Conflict", "Invalid"):
                raise prefixed(error, f"{_applying(info, patch)} {source}") from None
            patched = recreate(inv, replace(info, object=applying.annotated(info.object)))
    if patched["metadata"].get("deletionTimestamp"):
        inv.warn(f"Detected changes to resource {info.name} which is currently being deleted.")
    output.print_result(inv, replace(info, object=patched), "configured" if patch else "unchanged")


def _applying(info: Info, patch: applying.Json) -> str:
    """Kubectl's words for what it was about to send, and to whom."""
    resource = info.resource
    group = resource.group or ""
    gvr = f"{resource.api_version if group else '/v1'}, Resource={resource.plural}"
    gvk = f"{resource.api_version if group else '/v1'}, Kind={resource.kind}"
    return (
        f"error when applying patch:\n{output.go_json(patch)}\nto:\n"
        f'Resource: "{gvr}", GroupVersionKind: "{gvk}"\n'
        f'Name: "{info.name}", Namespace: "{info.namespace or ""}"\nfor: "{info.source}":'
    )


COMMAND = Command(
    name="apply",
    use="apply (-f FILENAME | -k DIRECTORY)",
    short="Apply a configuration to a resource by file name or stdin",
    group="Advanced Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.VALIDATE,
        *flags.FIELD_MANAGER,
        Flag("server-side", type="bool", help="Let the server merge; not simulated yet."),
        Flag("force-conflicts", type="bool", help="With --server-side: take fields over."),
        Flag("force", type="bool", help="Delete and re-create what cannot be patched."),
        Flag("prune", type="bool", help="Delete what is not in the manifests; not simulated."),
        Flag("timeout", type="duration", help="How long --force waits for a deletion."),
    ),
    run=run,
)
