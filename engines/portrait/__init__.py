"""The portrait: the steps by which a small mask becomes a matte with hair, each by itself.

All maps here are small (at most 320 pixels on the long side), float32, 0..1; `P` is the person, `H`
hair, `M` the finer hair of a matting net.
"""
