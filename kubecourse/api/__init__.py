"""The vocabulary of Kubernetes, no behaviour: kinds, quantities, selectors, patches, errors."""
