# What the suite and the pictures need, installed where it is missing. Sourced by `run` and `pictures`.
# Leaves behind: $root, $python (of a virtual environment under target/), the binaries $notes (the
# example), $watcher, $sources, $latencies and $instance (of the service of the same name), and $axe (a
# script for the browser).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

export PYTHONDONTWRITEBYTECODE=1

missing=()
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
for program_package in prometheus:prometheus promtool:prometheus victoria-metrics:victoria-metrics vmalert:victoria-metrics \
    chromium:chromium redis-server:redis-server node:nodejs npm:npm; do
    command -v "${program_package%%:*}" >/dev/null || missing+=("${program_package##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    # The packages bring services on well-known ports. Only the programs are wanted: a policy that
    # starts none, for the time of the installation, where the machine has no policy of its own.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod +x "$policy"
        trap '"${sudo[@]}" rm -f "$policy"' EXIT
    fi
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    if [ -n "$(trap -p EXIT)" ]; then
        "${sudo[@]}" rm -f "$policy"
        trap - EXIT
    fi
fi
for program in prometheus promtool victoria-metrics vmalert chromium redis-server node npm; do
    command -v "$program" >/dev/null || { echo "missing, and not to be installed: $program" >&2; exit 1; }
done

mkdir -p "$target"
python=$target/e2e-venv/bin/python
[ -x "$python" ] || python3 -m venv "$target/e2e-venv"
"$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"

# axe, which looks for obstacles to people with disabilities.
npm install --silent --no-audit --no-fund --prefix "$target/e2e-node" axe-core@4.14.1 >/dev/null
axe=$target/e2e-node/node_modules/axe-core/axe.min.js

cargo build --manifest-path "$root/Cargo.toml" --package notes --package watcher
notes=$target/debug/notes
watcher=$target/debug/watcher
sources=$target/debug/sources
instance=$target/debug/instance
latencies=$target/debug/latencies
