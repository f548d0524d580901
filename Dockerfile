# docker build -t s3gw . && docker run -p 9000:9000 -v s3gw:/data s3gw
# Works with a read-only root file system and under any --user that can write the volume:
# docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 9000:9000 -v s3gw:/data s3gw
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/s3gw && /opt/s3gw/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY keys keys
COPY store store
RUN /opt/s3gw/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/s3gw/bin/python -m compileall -q /opt/s3gw/lib

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin s3gw \
    # sticky and open, since a new volume takes this mode and --user may be anybody
    && mkdir -m 1777 /data
COPY --from=build /opt/s3gw /opt/s3gw
# A container is reached from outside, so the listener is not loopback and the ACL of new buckets
# must be said: private, unless you say otherwise.
ENV PATH=/opt/s3gw/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    S3GW_DATA_DIR=/data \
    S3GW_LISTEN=0.0.0.0:9000 \
    S3GW_DEFAULT_BUCKET_ACL=private
USER 10001:10001
VOLUME /data
EXPOSE 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9000/healthz', timeout=2)"]
ENTRYPOINT ["s3gw"]
CMD ["serve"]
