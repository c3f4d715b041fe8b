#!/bin/sh
# Brings the project's own Node and libraries onto the machine when they are
# missing or older than the lock file, then runs one of the project's scripts
# with that Node. Needs any Node 20 or newer with npm.
set -eu
cd "$(dirname "$0")/.."
unset NODE_OPTIONS
stamp=node_modules/.package-lock.json
if [ ! -x node_modules/.bin/node ] || [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  echo "bootstrap: installing the project's libraries" >&2
  # Versions and checksums are the lock file's. Not `npm ci`: that also demands
  # entries for the binaries of every other platform, which not every registry has.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  touch "$stamp"
fi
exec node_modules/.bin/node "$@"
