"""kube-webhook-certgen: Jobs of many a chart give their webhooks a certificate with it.

What it writes is no certificate, as nobody here asks a webhook.
Source: `github.com/kubernetes/ingress-nginx/images/kube-webhook-certgen/rootfs`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from getopt import GetoptError, gnu_getopt
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client

core, registration = models.core_v1, models.admissionregistration_v1

_OPTIONS = (
    "host=", "namespace=", "secret-name=", "cert-name=", "key-name=", "webhook-name=",
    "patch-mutating=", "patch-validating=", "patch-failure-policy=", "patch-namespaces=",
    "log-format=", "log-level=", "kubeconfig=", "secret-type=", "apiservice-name=",
)  # fmt: skip
_TEXT = b64encode(b"simulated: nobody here reads certificates\n").decode()


def main(words: list[str], read: Callable[[str], str], client: Client) -> tuple[int, str]:
    """The program: its exit code, and what it writes."""
    try:
        pairs, rest = gnu_getopt(words, "", list(_OPTIONS))
        given = {name.lstrip("-"): value for name, value in pairs}
        if rest == ["create"]:
            return 0, _create(client, given)
        if rest == ["patch"]:
            return 0, _patch(client, given)
    except GetoptError as error:
        return 1, f"Error: {error}\n"
    except ApiError as error:
        return 1, f'{{"err":"{error.message}","level":"fatal"}}\n'
    return 1, 'Error: unknown command for "kube-webhook-certgen"\n'


def _create(client: Client, given: dict[str, str]) -> str:
    """A Secret with the certificate, unless it is there."""
    name, namespace = given["secret-name"], given["namespace"]
    with ignoring("NotFound"):
        client.get(core.Secret, name, namespace)
        return '{"level":"info","msg":"secret already exists"}\n'
    keys = ("ca", given.get("cert-name", "cert"), given.get("key-name", "key"))
    metadata = models.meta_v1.ObjectMeta(name=name, namespace=namespace)
    client.create(core.Secret(metadata=metadata, type="Opaque", data=dict.fromkeys(keys, _TEXT)))
    return '{"level":"info","msg":"creating new secret"}\n'


def _patch(client: Client, given: dict[str, str]) -> str:
    """The webhooks of that name learn the certificate of their server's authority."""
    name = given.get("webhook-name", "")
    for word, cls in (
        ("validating", registration.ValidatingWebhookConfiguration),
        ("mutating", registration.MutatingWebhookConfiguration),
    ):
        if name and given.get(f"patch-{word}", "true") != "false":
            found: Any = client.get(cls, name)
            hooks = [
                replace(hook, clientConfig=replace(hook.clientConfig, caBundle=_TEXT))
                for hook in found.webhooks or ()
            ]
            client.update(replace(found, webhooks=hooks))
    return '{"level":"info","msg":"Patched hook(s)"}\n'
