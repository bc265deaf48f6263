"""What every component holds, after Kubernetes' client-go: client, informers, work queues."""

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
