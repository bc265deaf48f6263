"""Docker and Kubernetes to play with: a real Docker engine, a simulated cluster, five chapters."""
