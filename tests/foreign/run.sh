#!/usr/bin/env bash
# Runs the receivers against software that leadhook's authors did not write. See README.md beside this
# file. It installs the Debian packages that it needs and does not find.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

packages=(python3 curl openssl jq nginx-light php-cli php-curl)
is_quick=
[[ " $* " == *" --quick "* ]] && is_quick=1
[ $is_quick ] || packages+=(haproxy caddy wget golang-go libwww-perl libmojolicious-perl php-guzzlehttp-guzzle
    ruby ruby-http ruby-excon ruby-httparty python3-requests python3-httpx python3-aiohttp)
command -v node >/dev/null || packages+=(nodejs)
[ $is_quick ] || command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # Debian would start the proxies as services; the checks start their own.
    $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# FOREIGN_RECEIVERS names a folder with receivers that are built already.
[ -n "${FOREIGN_RECEIVERS:-}" ] || cargo build --locked --quiet --package leadhook-receivers

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
if [ ! $is_quick ]; then
    export FOREIGN_GO=$temporary/client NODE_MODULES=$temporary
    go build -o "$FOREIGN_GO" "$here/clients/client.go"
    npm install --silent --no-audit --no-fund --prefix "$temporary" axios@1.21.1 undici@6.29.1
fi

export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 "$here/main.py" "$@"
