"""The API server on the network: HTTPS in a thread of its own, for clients that are not ours.

- `service.py`: starting and stopping it, and time passing meanwhile (`pace.py`); `kubeconfig.py`:
  how clients find it.
- `gateway.py`: a request in, an answer out; `access.py`: who asks.
- `watching.py`: streams of changes.
- `containers.py`: the way into containers; `channels.py` (WebSocket) and `spdy.py`: the wires.

Whoever touches the cluster here has its turn (`clock.turn`); whoever waits does so without it.
Needs the extra `serve`.
"""
