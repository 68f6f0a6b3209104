"""Remedies that need no training: one remedy, one file."""
