# syntax=docker/dockerfile:1
# The image of fanfold: the program, and certificates. docs/install.md tells how it is used.
FROM rust:1.89-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo install --locked --path . --root /out && mkdir /out/work

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/bin/fanfold /usr/local/bin/fanfold
# Job file, input, output and journal; paths in a job file are relative to it.
COPY --from=build --chown=65532:65532 /out/work /work
WORKDIR /work
VOLUME /work
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/fanfold"]
CMD ["--help"]
