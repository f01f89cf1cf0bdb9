# syntax=docker/dockerfile:1
# A static planrun in an image with nothing else: docker build -t planrun .
#   docker run --rm --network host --user "$(id -u):$(id -g)" -v "$PWD:/work" planrun PLAN.toml
FROM rust:1.93-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
ARG PLANRUN_COMMIT
RUN cargo build --release --locked && mkdir /empty

FROM scratch
COPY --from=build /src/target/release/planrun /usr/bin/planrun
COPY --from=build /src/LICENSE-MIT /src/LICENSE-APACHE /usr/share/doc/planrun/
COPY --from=build /src/plans /usr/share/planrun/plans
# Certificates of public authorities, for targets with TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty /work
COPY --from=build --chown=65532:65532 /empty /tmp
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/bin/planrun"]
CMD ["--help"]
