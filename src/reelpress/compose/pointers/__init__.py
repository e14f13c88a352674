"""Pointers drawn for this project: path data (``drawings``) and what makes pictures of them (``raster``)."""
