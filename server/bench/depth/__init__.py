"""`omote bench depth`: scenes whose depth and alpha are known, a real stereo pair, and the wire."""
