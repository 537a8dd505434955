"""What is measured, one noun per file. Each has `measure`, and a result with its bars and its lines for the reader."""
