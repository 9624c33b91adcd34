"""The training of a net that draws one person's face in any pose."""
