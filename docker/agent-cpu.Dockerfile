# The edge agent for any x86_64 or arm64 box without a GPU; llama.cpp is compiled for a common baseline, not for the builder.
FROM python:3.13-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY picegate picegate
COPY edge_agent edge_agent
RUN python -m venv /opt/picegate \
 && CMAKE_ARGS="-DGGML_NATIVE=OFF" /opt/picegate/bin/pip install --no-cache-dir '.[edge]'

FROM python:3.13-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /var/lib/edge-agent edge-agent
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
