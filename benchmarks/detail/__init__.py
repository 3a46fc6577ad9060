"""What sampled detail costs by a measure, and how it looks."""
