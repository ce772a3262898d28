#!/bin/sh
# Pins every dependency with its hashes: run after changing pyproject.toml. Needs uv.
set -eu
cd "$(dirname "$0")/.."
common="--generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --quiet"
# shellcheck disable=SC2086
uv pip compile $common pyproject.toml requirements/build.in -o requirements/run.lock "$@"
# shellcheck disable=SC2086
uv pip compile $common --all-extras -c requirements/run.lock pyproject.toml requirements/build.in -o requirements/dev.lock "$@"
