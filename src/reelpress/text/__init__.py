"""Fonts, layout (a pure function of run and font files) and rasterising of text runs to sprites."""
