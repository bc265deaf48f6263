"""The control plane: etcd, API server, scheduler, controller manager. One room each."""
