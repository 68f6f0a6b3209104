"""Ways of showing an image, shared by exams and remedies."""
