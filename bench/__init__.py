"""What tracing costs the traced: ours beside the least possible and beside its peers, as ratios of one run."""
