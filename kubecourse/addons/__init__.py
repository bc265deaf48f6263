"""What a cluster is usually given besides Kubernetes itself: clients of its API server.

- `dns.py`: names of Services and pods; `storage.py`: volumes for claims of the default class.
- `metrics_server.py`: what nodes and pods use; `vpa/`: what containers should request, learnt from
  that. Both come with `cluster.install(…)`.
- `descheduler/`: evicts what would be placed elsewhere today. It runs in a pod, as do the other
  programs of `program.py`.
"""
