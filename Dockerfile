# Milepost in a small image: dependencies by hash, no build tools, no root.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/milepost \
 && /opt/milepost/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt \
 && python -m venv /opt/builder \
 && /opt/builder/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY connectors connectors
COPY mappings mappings
COPY migrations migrations
RUN /opt/builder/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/milepost/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin milepost
COPY --from=build /opt/milepost /opt/milepost
COPY examples/roadmap.md /usr/share/milepost/roadmap.md
ENV PATH=/opt/milepost/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MILEPOST_DATABASE_URL=sqlite:////data/milepost.db
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["milepost"]
# Until access control lands, `serve` listens on loopback only: run the container with --network host.
CMD ["serve"]
