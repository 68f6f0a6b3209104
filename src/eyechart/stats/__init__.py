"""Intervals and calibration in numpy and scipy. Nothing here knows models, images or exams."""
