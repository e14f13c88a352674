"""Choosing and driving encoders."""
