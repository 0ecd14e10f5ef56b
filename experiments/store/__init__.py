"""Files: run folders, formats, atomic writing."""
