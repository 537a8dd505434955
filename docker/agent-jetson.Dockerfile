# The edge agent for a Jetson Orin with JetPack 6 (L4T 36): llama.cpp with CUDA for compute capability 8.7.
# Build it on the Jetson: docker build -f docker/agent-jetson.Dockerfile -t edge-agent:jetson .
# Run it with --runtime nvidia. JetPack's Ubuntu has Python 3.10, so uv brings a newer one.
FROM ghcr.io/astral-sh/uv:0.9.5 AS uv

FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0 AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_PYTHON_INSTALL_DIR=/opt/python \
    PATH=/usr/local/cuda/bin:$PATH
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY picegate picegate
COPY edge_agent edge_agent
RUN uv venv --python 3.12 /opt/picegate \
 && CMAKE_ARGS="-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=87" \
    uv pip install --no-cache --python /opt/picegate/bin/python '.[edge]'

FROM nvcr.io/nvidia/l4t-cuda:12.6.11-runtime
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --groups video --create-home --home-dir /var/lib/edge-agent edge-agent
COPY --from=build /opt/python /opt/python
COPY --from=build /opt/picegate /opt/picegate
ENV PATH=/opt/picegate/bin:$PATH
USER 10001
WORKDIR /var/lib/edge-agent
VOLUME /var/lib/edge-agent
EXPOSE 8090
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8090/health', timeout=2)"]
ENTRYPOINT ["edge-agent"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8090"]
