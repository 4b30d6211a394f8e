"""The speed of the optimisation, against the machine's matrix products and against plain PyTorch."""
