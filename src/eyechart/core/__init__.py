"""The contract between exams and engine: views, queries, answers, tallies, estimates, chart specs. Small, and pure."""
