"""Common corruptions (Hendrycks & Dietterich, ICLR 2019, arXiv 1903.12261), batched, with chance of each image's own."""
