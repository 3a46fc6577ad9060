"""Image files: their readers and writers."""
