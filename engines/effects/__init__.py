"""One file per effect; the file's name is the effect's name."""
