"""Pure functions on image spectra. Nothing here knows models, files or the rest of eyechart."""
