"""Image sets: ordered pictures with stable ids, read from folders, arrays, tables or the demo. Never imports torch."""
