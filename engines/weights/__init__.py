"""The weight files Omote ships; README.md here says where each comes from."""

HASHES = {
    "selfie_landscape": "519384a647213f1e5bd5fa135ccd416aba01e590c3fe807a6e0f11e924db3f37",
    "selfie_square": "c08463dea5e4bac2fe4c5042b61f717f6521c51f8de53ea7b6c90281296a37fd",
}
"SHA-256 of each shipped `.onnx` file, by stem."
