"""What a learner holds in their hand: the embedded kubectl, Helm, notebook magics."""
