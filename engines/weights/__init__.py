"""The weight files Omote ships; README.md here says where each comes from."""

HASHES = {
    "selfie_landscape": "6b36f8b82c37b7112c629c819e938fbb2d854e10c0b7157c60f57f558ce0819a",
    "selfie_square": "c5757b42143901c0487b2b8363e321a7fbf21a1f50ea7e32e7b92e5c2aacd7d7",
}
"SHA-256 of each shipped `.onnx` file, by stem."
