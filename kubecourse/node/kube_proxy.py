"""kube-proxy: on every node, rules that send what is meant for a Service to one of its pods.

All nodes program the same rules from the same Services and EndpointSlices, so they are kept once
for the whole cluster. As with iptables, a change takes effect at once if nothing changed in the
last second, otherwise together with others when that second is over; and each new connection has
an equal chance for each endpoint.
Sources: `pkg/proxy/{endpointslicecache,topology}.go`, `pkg/proxy/iptables/proxier.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from kubecourse.api import models
from kubecourse.client import Client, InformerFactory
from kubecourse.client.informer import Key, by_service

core = models.core_v1
discovery = models.discovery_v1

MIN_SYNC = 1.0
RELIST = 0.1
"""Seconds after which what a new watch lists has arrived."""
ANY_NODE = ""
"""Stands for the addresses of all nodes."""


class Endpoint(NamedTuple):
    """One address that a Service sends connections to."""

    ip: str
    port: int
    pod: str
    node: str


@dataclass
class Rule:
    """Where connections to one port of a Service go. No endpoints: they are refused.

    `affinity` is the seconds for which one client stays with one endpoint, 0 for not at all.
    `local_only`: only endpoints on the node where the connection arrives.
    """

    service: Key
    port: str
    slices: list[Any]
    affinity: int
    local_only: bool

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The ready ones; if there are none, those that still serve while they end.

        Worked out when somebody first asks.
        """
        ready: dict[Endpoint, None] = {}
        ending: dict[Endpoint, None] = {}
        for slice in self.slices:
            numbers = [p.port for p in slice.ports or () if (p.name or "") == self.port]
            for endpoint in (slice.endpoints or ()) if numbers else ():
                conditions = endpoint.conditions
                pod = endpoint.targetRef.name if endpoint.targetRef else ""
                for ip in endpoint.addresses:
                    found = Endpoint(ip, numbers[0], pod, endpoint.nodeName or "")
                    if conditions is None or conditions.ready is not False:
                        ready[found] = None
                    elif conditions.serving and conditions.terminating:
                        ending[found] = None
        return tuple(ready or ending)


class KubeProxy:
    """The Service rules of all nodes."""

    name = "kube-proxy"

    def __init__(self, client: Client) -> None:
        self._clock = client.clock
        self._informers = InformerFactory(client)
        self._services = self._informers.informer(core.Service)
        self._slices = self._informers.informer(discovery.EndpointSlice, by_service)
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)
        self._rng = client.clock.rng("kube-proxy")
        self._dirty: dict[Key, None] = {}
        self._synced_at = -MIN_SYNC
        self._timer: Any = None
        self._rules: dict[tuple[str, int], Rule] = {}
        self._of_service: dict[Key, list[tuple[str, int]]] = {}
        self._sticky: dict[tuple[Key, str, str], tuple[Endpoint, float]] = {}
        self.running = False

    def start(self) -> None:
        """Begin to keep the rules up to date."""
        self.running = True
        self._informers.start()
        if self._of_service:  # some may have gone while nobody watched
            self._clock.call_later(RELIST, self._mark, *self._of_service)

    def stop(self) -> None:
        """The rules stay as they are from now on."""
        self.running = False
        self._informers.stop()
        self._clock.cancel(self._timer)
        self._dirty.clear()

    # --- the rules

    def rule(self, ip: str, port: int) -> Rule | None:
        """The rule for a port of a Service's address, or of every node (ANY_NODE)."""
        return self._rules.get((ip, port))

    def choose(self, rule: Rule, client: str = "", node: str = "") -> Endpoint | None:
        """An endpoint for a new connection; None if there is nowhere to send it.

        `client` is the address that it comes from, `node` the one that it arrives at.
        """
        endpoints = rule.endpoints
        if rule.local_only and node:
            endpoints = tuple(endpoint for endpoint in endpoints if endpoint.node == node)
        if not endpoints:
            return None
        if not rule.affinity:
            return endpoints[self._rng.randrange(len(endpoints))]
        key = (rule.service, rule.port, client)
        now = self._clock.now
        kept, until = self._sticky.get(key, (None, 0.0))
        if kept is None or until < now or kept not in endpoints:
            kept = endpoints[self._rng.randrange(len(endpoints))]
        self._sticky[key] = (kept, now + rule.affinity)
        return kept

    # --- keeping them

    def _service_changed(self, old: Any, new: Any) -> None:
        metadata = (new or old).metadata
        self._mark((metadata.namespace, metadata.name))

    def _slice_changed(self, old: Any, new: Any) -> None:
        for service in by_service(new or old):
            namespace, _, name = service.partition("/")
            self._mark((namespace, name))

    def _mark(self, *keys: Key) -> None:
        if not self._dirty:
            due = max(self._clock.now, self._synced_at + MIN_SYNC)
            self._timer = self._clock.call_at(due, self._sync)
        self._dirty |= dict.fromkeys(keys)

    def _sync(self) -> None:
        self._synced_at = self._clock.now
        for key in self._dirty:
            self._write(key)
        self._dirty.clear()

    def _write(self, key: Key) -> None:
        for address in self._of_service.pop(key, ()):
            self._rules.pop(address, None)
        service = self._services.get(*key)
        spec = service.spec if service is not None else None
        if spec is None or spec.type == "ExternalName" or spec.clusterIP in (None, "", "None"):
            return
        config, affinity = spec.sessionAffinityConfig, 0
        if spec.sessionAffinity == "ClientIP":
            affinity = (config and config.clientIP and config.clientIP.timeoutSeconds) or 10800
        written = self._of_service[key] = []
        slices = list(self._slices.indexed(by_service, f"{key[0]}/{key[1]}"))
        places = [(ip, spec.internalTrafficPolicy) for ip in spec.clusterIPs or [spec.clusterIP]]
        for port in spec.ports or ():
            addresses = [(ip, port.port, policy) for ip, policy in places]
            if port.nodePort:
                addresses.append((ANY_NODE, port.nodePort, spec.externalTrafficPolicy))
            for ip, number, policy in addresses:
                self._rules[ip, number] = Rule(
                    key, port.name or "", slices, affinity, policy == "Local"
                )
                written.append((ip, number))
