"""GIF: palettes, ordered dither, what changed, and the file."""
