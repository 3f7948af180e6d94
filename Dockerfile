# The bot as a small image, without root.
#
#   docker build -t deskbell .
#   docker run --stop-timeout 30 -p 8080:8080 -v deskbell:/data --env-file deskbell.env deskbell
#
# Settings come from the environment (DESKBELL__SECTION__KEY), or from a file: mount it at /data/deskbell.toml, which is
# the default place (the working folder is /data). Secrets may be files: DESKBELL__SLACK__BOT_TOKEN_FILE=/run/secrets/…

FROM rust:1-bookworm AS build
WORKDIR /build

# First the dependencies alone, with an empty program: this layer is kept until Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
RUN mkdir -p src tests/it benches \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs benches/intake.rs benches/growth.rs benches/fanout.rs \
    && touch src/lib.rs \
    && cargo build --locked --release --bin deskbell \
    && rm -r src tests benches

# Then the program. The empty one is newer than its files: touch them, or cargo would take it for done.
COPY . .
RUN touch src/main.rs src/lib.rs \
    && cargo build --locked --release --bin deskbell \
    && mkdir /data

# The C library and certificates: Slack's socket is checked against the system's.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.title="Deskbell" \
      org.opencontainers.image.description="Slack and Discord as a front door to the IT service desk" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /build/target/release/deskbell /usr/local/bin/deskbell
COPY --from=build /build/LICENSE-MIT /build/LICENSE-APACHE /build/deskbell.sample.toml /usr/share/doc/deskbell/
COPY --from=build --chown=65532:65532 /data /data

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME /data
ENV DESKBELL__DATABASE__URL=sqlite:///data/deskbell.db \
    DESKBELL__HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["deskbell", "health"]
ENTRYPOINT ["deskbell"]
CMD ["serve"]
