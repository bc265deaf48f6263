"""The vocabulary of Kubernetes, without behaviour: kinds, quantities, selectors, patches, errors."""
