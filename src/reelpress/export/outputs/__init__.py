"""What an export can write: one module for each kind of file, and the table of them."""
