"""What a cluster is usually given besides Kubernetes itself: DNS first of all."""
