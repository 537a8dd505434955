"""Emulated upstreams: real sockets, OpenAI's protocol, the timing of a continuous-batching engine, no model at all."""
