# Milepost in a small image: dependencies by hash, no build tools, no root.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/builder \
 && /opt/builder/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
 && python -m venv --without-pip /opt/milepost \
 && /opt/builder/bin/pip --python /opt/milepost/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
    -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY connectors connectors
COPY mappings mappings
COPY migrations migrations
RUN /opt/builder/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/builder/bin/pip --python /opt/milepost/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin milepost \
 && install -d -o milepost -g milepost -m 0750 /data
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
# Until access control lands, `serve` listens on loopback only and refuses any other address, so a published port (-p)
# reaches nothing: run the container with --network host, or with a proxy in the same network namespace.
CMD ["serve"]
