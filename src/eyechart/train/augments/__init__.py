"""One augmentation, one file."""
