"""Attacks: the smallest changes that cost a model its answer, searched for in pixel space, batched on the device."""
