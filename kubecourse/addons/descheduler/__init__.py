"""The descheduler: evicts pods that would be placed elsewhere today; the scheduler does the rest.

It runs to its end as a program in a pod, of a Job or a CronJob (`data/manifests/descheduler`), or
on its own: `deschedule(client, policy)`.
Source: `github.com/kubernetes-sigs/descheduler/pkg/descheduler/descheduler.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from getopt import GetoptError, gnu_getopt
from typing import Any

from kubecourse.addons.descheduler import strategies, utilization
from kubecourse.addons.descheduler.evictor import Evictor, Limits
from kubecourse.addons.descheduler.policy import Policy, PolicyError, parse
from kubecourse.api.errors import ApiError
from kubecourse.client import Client

__all__ = ["Policy", "PolicyError", "deschedule", "main", "parse"]

STRATEGIES: dict[str, Callable[[Evictor, Any], None]] = {
    "PodLifeTime": strategies.pod_life_time,
    "RemoveDuplicates": strategies.remove_duplicates,
    "RemovePodsViolatingTopologySpreadConstraint": strategies.topology_spread,
    "LowNodeUtilization": utilization.low_node_utilization,
    "HighNodeUtilization": utilization.high_node_utilization,
}
_OPTIONS = ("policy-config-file=", "dry-run", "v=", "descheduling-interval=")


class Log:
    """Lines as the real program writes them, but for the place in its source."""

    def __init__(self, client: Client) -> None:
        self._clock = client.clock
        self.lines: list[str] = []

    def say(self, message: str, level: str = "I", **what: Any) -> None:
        """Write a line."""
        shown = "".join(
            f' {key}="{value}"' if isinstance(value, str) else f" {key}={value}"
            for key, value in what.items()
        )
        now = self._clock.utc_precise()
        self.lines.append(f'{level}{now:%m%d %H:%M:%S.%f}       1] "{message}"{shown}\n')


def deschedule(client: Client, policy: Policy, dry_run: bool = False) -> list[str]:
    """One round of all strategies, those that look at single pods first. Returns the log."""
    log, limits = Log(client), Limits(policy)
    for point in ("deschedule", "balance"):
        for profile in policy.profiles:
            for given in getattr(profile, point):
                # Each strategy sees what those before it have left.
                evictor = Evictor(client, policy, profile.evictor, limits, log.say, dry_run)
                if len(evictor.view.nodes) <= 1:
                    log.say(
                        "Error running descheduler", "E", err="the cluster size is 0 or 1 meaning "
                        "eviction causes service disruption or degradation. So aborting..",
                    )  # fmt: skip
                    return log.lines
                STRATEGIES[type(given).__name__](evictor, given)
    log.say("Number of evictions/requests", totalEvicted=limits.done["total", ""])
    return log.lines


def main(words: list[str], read: Callable[[str], str], client: Client) -> tuple[int, str]:
    """The program: its exit code, and what it writes. `read` gives a file's text."""
    try:
        pairs, rest = gnu_getopt(words, "v:", list(_OPTIONS))
        options = {name.lstrip("-"): value for name, value in pairs}
        if rest:
            return 1, f'Error: unknown command "{rest[0]}" for "descheduler"\n'
        if options.get("descheduling-interval", "0").strip("0smh"):
            return 1, "Error: here the descheduler runs once: make it a CronJob\n"
        path = options.get("policy-config-file", "")
        policy = parse(read(path)) if path else Policy([])
        return 0, "".join(deschedule(client, policy, "dry-run" in options))
    except GetoptError as error:
        return 1, f"Error: {error}\n"
    except (ValueError, OSError) as error:
        return 1, f'E "failed to run descheduler" err="{error}"\n'
    except ApiError as error:
        return 1, f'E "failed to run descheduler" err="{error.message}"\n'
