"""What becomes of a file that somebody uploads: its name, its kind, its picture, its scan, and where its bytes lie."""
