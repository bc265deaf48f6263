"""What runs on every machine: kubelet, container runtime, kube-proxy, the network."""
