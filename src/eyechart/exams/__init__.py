"""The exams: one file each. An exam asks, reads, estimates and pictures; it never runs anything itself."""
