#!/usr/bin/env bash
# The clients of the command line: curl, curl that waits for `100 Continue`, and wget. jq is their
# serializer, and openssl signs. The interface is described in client.py.
set -euo pipefail

library=$1 jobs=$2
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
config=$directory/config

fields='.[] | [.id, .url, .pad_to // 0, .chunked // false, .sign.header // "", .sign.prefix // "",
    .sign.secret // "", (.headers | to_entries | map("\(.key): \(.value)") | join("\u001e")),
    .text // (.body | tojson)] | map(tostring) | join("\u001f")'

# One result: the status is 0 if there was no response, and 100 if nothing followed it.
report() {
    if [ "$2" -ge 200 ]; then
        jq -nc --argjson id "$1" --argjson status "$2" --rawfile body "$3" '{$id, $status, $body}'
    else
        jq -nc --argjson id "$1" '{$id, error: "no response"}'
    fi
}

numbers=()
while IFS=$'\x1f' read -r id url pad_to chunked name prefix secret headers body; do
    file=$directory/$id
    printf '%s' "$body" >"$file"
    missing=$((pad_to - $(stat -c %s "$file")))
    [ "$missing" -gt 0 ] && head -c "$missing" /dev/zero | tr '\0' ' ' >>"$file"
    IFS=$'\x1e' read -ra headers <<<"$headers"
    headers+=("content-type: application/json")
    if [ -n "$name" ]; then
        digest=$(openssl dgst -sha256 -hmac "$secret" "$file")
        headers+=("$name: $prefix${digest##* }")
    fi
    : >"$file.response"

    if [ "$library" = wget ]; then
        wget --quiet --server-response --content-on-error --tries=1 --timeout=30 --no-proxy \
            "${headers[@]/#/--header=}" --post-file="$file" -O "$file.response" "$url" 2>"$file.log" || true
        status=$(awk '$1 ~ /^HTTP/ { status = $2 } END { print status + 0 }' "$file.log")
        report "$id" "$status" "$file.response"
        continue
    fi

    [ "$library" = curl-expect ] && headers+=("expect: 100-continue")
    [ "$chunked" = true ] && headers+=("transfer-encoding: chunked")
    {
        [ ${#numbers[@]} -gt 0 ] && echo next
        printf 'url = "%s"\ndata-binary = "@%s"\noutput = "%s.response"\n' "$url" "$file" "$file"
        printf 'header = "%s"\n' "${headers[@]}"
        printf 'http1.1\nsilent\nmax-time = 30\nwrite-out = "%%{http_code}\\n"\n'
    } >>"$config"
    numbers+=("$id")
done < <(jq -r "$fields" "$jobs")

# One process for all requests, so that curl reuses its connection.
if [ "$library" != wget ]; then
    { curl --disable --config "$config" || true; } >"$directory/statuses"
    mapfile -t statuses <"$directory/statuses"
    for index in "${!numbers[@]}"; do
        id=${numbers[$index]}
        report "$id" "$((10#${statuses[$index]:-0}))" "$directory/$id.response"
    done
fi
