"""The HTML page about an export: one file, no network. The benchmark's page is made of the same parts."""
