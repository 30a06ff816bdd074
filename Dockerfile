# endpoint-stats-server as an image: one program, an unprivileged user, no shell. docs/docker.md says how it is run.
#
#   docker build --tag endpoint-stats-server:0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# Needs nothing of BuildKit, so that the classic builder can build it, too.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
# Without a value cargo takes all cores; each job of the last steps takes about 2 GB.
ARG CARGO_BUILD_JOBS
ARG FEATURES=parquet
WORKDIR /build

# Dependencies, a layer of their own: made anew only when a manifest or the lock file changes. cargo wants every target of
# the workspace to be there, so empty ones stand in for the sources.
COPY Cargo.toml Cargo.lock ./
COPY endpoint-stats-core/Cargo.toml endpoint-stats-core/
COPY endpoint-stats-server/Cargo.toml endpoint-stats-server/
COPY endpoint-stats-k8s/Cargo.toml endpoint-stats-k8s/
COPY endpoint-stats-torture/Cargo.toml endpoint-stats-torture/
COPY tests/models/Cargo.toml tests/models/
RUN set -eu; \
    for package in . endpoint-stats-* tests/models; do \
        mkdir -p "$package/src" "$package/benches" "$package/examples" "$package/tests"; \
        touch "$package/src/lib.rs"; \
        for target in $(sed -n '/^\[\[/{n;s/^name = "\(.*\)"$/\1/p;}' "$package/Cargo.toml"); do \
            touch "$package/benches/$target.rs" "$package/examples/$target.rs" "$package/tests/$target.rs"; \
        done; \
    done; \
    echo 'fn main() {}' > endpoint-stats-server/src/main.rs; \
    cargo build --locked --release --package endpoint-stats-server --features "$FEATURES"; \
    cargo clean --release --package endpoint-stats-core --package endpoint-stats-server

COPY endpoint-stats-core endpoint-stats-core
COPY endpoint-stats-server endpoint-stats-server
RUN cargo build --locked --release --package endpoint-stats-server --features "$FEATURES" && mkdir /data

FROM ${RUNTIME_IMAGE}
COPY --from=build /build/target/release/endpoint-stats-server /usr/local/bin/
COPY --from=build --chown=10001:10001 /data /data
USER 10001:10001
# Where a relative SQLite file goes: `sqlite://endpoint-stats.db`, the default.
WORKDIR /data
VOLUME ["/data"]
EXPOSE 9999
ENTRYPOINT ["/usr/local/bin/endpoint-stats-server"]
CMD ["serve", "--listen", "0.0.0.0:9999"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/endpoint-stats-server", "healthcheck"]

ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/endpoint-stats/endpoint-stats
LABEL org.opencontainers.image.title="endpoint-stats-server" \
    org.opencontainers.image.description="Endpoint statistics you can trust, in your own store." \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}"
