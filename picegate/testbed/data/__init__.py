"""Figures that workloads are made of. vicuna80.csv: lengths and categories counted from Vicuna-80 (lm-sys/FastChat,
Apache-2.0) and the answers that its 13B and 7B models gave; no texts."""
