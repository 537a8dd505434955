"""llama.cpp's C API by way of llama-cpp-python: the only room that drives it (`build.py` asks it what it can do)."""
