# Sourced by the scripts: finds or installs tools, starts throwaway services. Says what is missing; skips nothing.

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_package COMMAND PACKAGE…: Debian's package for a missing command, when we may.
install_package() {
  local command=$1; shift
  command -v "$command" >/dev/null 2>&1 && return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
    fail "$command is missing. Install it: apt-get install $*"
  say "installing $* for $command"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    fail "$command is missing, and apt-get could not install $*"
}

# need_node: Node 20 or newer, for building and checking web/.
need_node() {
  install_package node nodejs
  install_package npm npm
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    fail "node $(node --version) is older than 20. Install a newer one from nodejs.org"
}

# build_web: web/dist, when its sources are newer.
build_web() {
  need_node
  local stamp=web/dist/.stamp
  if [ ! -e $stamp ] || [ -n "$(find web/src web/public* web/*.html web/*.json web/*.ts web/*.js web/*.mjs -newer $stamp -print -quit 2>/dev/null)" ]; then
    say "building web/dist"
    (cd web && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent) || fail "web/ does not build"
    touch $stamp
  fi
}

# postgres_bin: the folder of the newest PostgreSQL's programs.
postgres_bin() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [ -n "$found" ] || found=$(dirname "$(command -v initdb)" 2>/dev/null)
  [ -x "$found/initdb" ] && printf '%s' "$found"
}

# start_postgres DIR: a throwaway server behind a socket in DIR, without fsync unless DURABLE is set, then
# it knows when each transaction was committed; sets INKLEDGER_TEST_POSTGRES_URL.
start_postgres() {
  local dir=$1 bin as=()
  bin=$(postgres_bin) || { install_package initdb-missing postgresql 2>/dev/null || true; bin=$(postgres_bin); } ||
    fail "PostgreSQL 15 or newer is missing. Install it: apt-get install postgresql"
  mkdir -p "$dir/data"
  local settings="-c fsync=off -c full_page_writes=off"
  [ -z "${DURABLE:-}" ] || settings="-c track_commit_timestamp=on"
  if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    chown -R nobody "$dir" && chmod 755 "$(dirname "$dir")" && as=(setpriv --reuid nobody --regid nogroup --clear-groups)
  fi
  "${as[@]}" "$bin/initdb" -D "$dir/data" -U inkledger -A trust --no-sync -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
    fail "initdb failed: $(tail -n 3 "$dir/initdb.log")"
  "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
    -o "-c listen_addresses='' -k $dir $settings -c max_connections=400 -c max_locks_per_transaction=256" start >/dev/null ||
    fail "PostgreSQL did not start: $(tail -n 5 "$dir/server.log")"
  POSTGRES_STOP=("${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop)
  export INKLEDGER_TEST_POSTGRES_URL="postgres://inkledger@localhost/postgres?host=$dir"
}

# start_nats DIR: a throwaway server on a free port; sets INKLEDGER_TEST_NATS_URL.
start_nats() {
  local dir=$1 tries=0
  install_package nats-server nats-server
  mkdir -p "$dir"
  nats-server -a 127.0.0.1 -p -1 --ports_file_dir "$dir" -l "$dir/server.log" &
  NATS_PID=$!
  until INKLEDGER_TEST_NATS_URL=$(sed -n 's/.*"nats":\["\([^"]*\)".*/\1/p' "$dir"/*.ports 2>/dev/null) && [ -n "$INKLEDGER_TEST_NATS_URL" ]; do
    tries=$((tries + 1)); [ $tries -lt 100 ] || fail "nats-server did not start: $(tail -n 3 "$dir/server.log")"
    sleep 0.1
  done
  export INKLEDGER_TEST_NATS_URL
}
