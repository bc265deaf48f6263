"""What a learner works with: a cluster goes in, text or plain data come out.

Nothing that runs in a cluster knows of these; `Cluster` reaches for them when it is asked to.

- `kubectl/`: the embedded client. `helm/`: the real one, on a simulated cluster.
- `explanation.py`: why a pod is where it is; `waiting.py`: what anything else waits for;
  `timeline.py`: what happened to an object, and when; `hops.py`: who told whom after an `apply`.
  All read the past, which etcd keeps: `past.py`.
- `metrics/`: what Prometheus would read.
- `magics.py`: `%kubectl` and `%helm`; `sources.py`: where manifests come from; `tape.py`: what a
  tool that is missing answered elsewhere; `tables.py`: columns of text.
"""
