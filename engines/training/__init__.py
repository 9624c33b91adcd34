"""Training: how the weights that Omote ships were made, and how to make others. Extra `train`."""
