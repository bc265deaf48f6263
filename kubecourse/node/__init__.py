"""What runs on every machine of the cluster: kubelet, container runtime, kube-proxy, the network."""
