"""What is seen before anything is uploaded: a finished comparison, made by a real run."""
