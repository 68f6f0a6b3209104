"""Models under examination: geometry, normalisation and net. Importing this package does not import torch."""
