"""Training: one small loop, objectives, augmentation batched on the device, recipes as data."""
