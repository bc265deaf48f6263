"""How components meet the API server, after Kubernetes' client-go.

Requests go out through a `Client`; what has changed comes in through an `Informer`, a copy kept by
a watch; a `Controller` puts what to look at into a `WorkQueue` and reconciles one key at a time; an
`EventRecorder` tells people. `leader_election.py` is for those of which one works at a time.
"""

from kubecourse.client.client import Client
from kubecourse.client.events import EventRecorder
from kubecourse.client.informer import Informer, InformerFactory
from kubecourse.client.workqueue import Controller, Result, WorkQueue

__all__ = [
    "Client",
    "Controller",
    "EventRecorder",
    "Informer",
    "InformerFactory",
    "Result",
    "WorkQueue",
]
