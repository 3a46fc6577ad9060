"""The demo page over the engine: compress an image or a clip, watch it happen, decode a file."""
