"""Makers of stimuli: pictures in which a cue is taken away, or in which two cues name two classes."""
