"""Sound files: their readers and writers, and what their headers get wrong."""
