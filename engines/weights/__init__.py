"""The weight files Omote ships; README.md here says where each comes from."""

HASHES = {
    "deglare": "0a2f01a191ba82e58d1e5651da82cf4cd0481940159f23f3186a987c4fb34ec5",
    "face_blendshapes": "4c028a82d3b5bb684c5e6e9323253445f2d2d881dbdbc0a2108a5cd5697977dc",
    "face_full_range": "df7d04b3cc28c25f5c4e787ea7b7c1aa1f49601399808f3389f2a31889bf0cde",
    "face_landmarks": "98b07191c1904f83a8f17df14ad591ec87c242f530dce68cf23243529074f8b7",
    "modnet": "bfb8bac57a9653ca24f4e87b05aba28256b9890d9c3b223fb1b4c508eaa95932",
    "selfie_landscape": "6b36f8b82c37b7112c629c819e938fbb2d854e10c0b7157c60f57f558ce0819a",
    "selfie_multiclass": "5a3cbd0741daf7042fac64fbf9822cbbbc8a256ae3aefc8611ef0fe6d63049e3",
    "selfie_square": "c5757b42143901c0487b2b8363e321a7fbf21a1f50ea7e32e7b92e5c2aacd7d7",
}
"SHA-256 of each shipped `.onnx` file, by stem."
