"""What each step of the tune perceptual gains by the measures of eyes and ears."""
