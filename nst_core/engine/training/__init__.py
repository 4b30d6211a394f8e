"""Training of networks: what the trained ones need, and the interface that the runs of `nst train` drive."""
