"""How fast the optimisation is: against what the machine can do, and against one image at a time in plain PyTorch."""
