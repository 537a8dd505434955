# The gateway. Built from the repository's root: docker build -f docker/gateway.Dockerfile -t picegate .
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY picegate picegate
COPY edge_agent edge_agent
RUN python -m venv /opt/picegate \
 && /opt/picegate/bin/pip install --no-cache-dir .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/picegate picegate
COPY --from=build /opt/picegate /opt/picegate
ENV PATH=/opt/picegate/bin:$PATH \
    PICEGATE_SERVER__HOST=0.0.0.0 \
    PICEGATE_SERVER__PORT=8080 \
    PICEGATE_STORAGE__URL=sqlite:////var/lib/picegate/picegate.db
USER 10001
WORKDIR /var/lib/picegate
VOLUME /var/lib/picegate
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health/live', timeout=2)"]
ENTRYPOINT ["picegate"]
CMD ["serve", "--config", "/etc/picegate/picegate.toml"]
