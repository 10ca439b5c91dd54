#!/usr/bin/env python3
"""Makes languages.json: signatures by the HMACs of other languages, and checks all vectors.

Needs python3, openssl, perl and node; the tests need none of them, they read the file.
Values are text, or `hex:` and hex digits where they are not UTF-8.
"""
import hashlib
import hmac
import json
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "src" / "samples"


def run(arguments, body):
    return subprocess.run(arguments, input=body, capture_output=True, check=True).stdout.decode()


def python(secret, body):
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def openssl(secret, body):
    key = f"hexkey:{secret.hex()}"
    return run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", key], body).split()[-1]


def perl(secret, body):
    code = "local $/; binmode STDIN; print hmac_sha256_hex(scalar(<STDIN>) // '', pack('H*', $ARGV[0]))"
    return run(["perl", "-MDigest::SHA=hmac_sha256_hex", "-e", code, secret.hex()], body)


def node(secret, body):
    code = """const key = Buffer.from(process.argv[1], 'hex');
        process.stdout.write(require('crypto').createHmac('sha256', key)
            .update(require('fs').readFileSync(0)).digest('hex'))"""
    return run(["node", "-e", code, secret.hex()], body)


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def php(value):
    """As PHP's json_encode writes it by default: compact, `/` as `\\/`, all but ASCII as `\\uXXXX`."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def encode(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "hex:" + data.hex()


def decode(text):
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()


quiz = sample("scoreapp/quiz_finished.json")
quiz["data"] |= {"first_name": "Zoë", "last_name": "Müller 😀"}
BODIES = {
    "the empty body": b"",
    "ScoreApp's QUIZ_FINISHED as PHP writes it": php(quiz),
    "Grader.io's submission.scored, compact": compact(sample("grader/submission_scored_nested.json")),
    "Graphoid's lead.won, spaced, with a line end": json.dumps(sample("graphoid/lead_won.json")).encode() + b"\n",
    "all bytes": bytes(range(256)),
}
SECRETS = {
    "a short secret": b"12345",
    "63 bytes": b"k" * 63,
    "64 bytes, a block": b"k" * 64,
    "65 bytes, more than a block": b"k" * 65,
    "beyond ASCII": "gëheim — 秘密".encode(),
    "any bytes": hashlib.sha512(b"leadhook").digest() + b"\x00\xff",
}
SIGNERS = {
    "Python's hmac": python,
    "openssl dgst": openssl,
    "Perl's Digest::SHA": perl,
    "Node's crypto": node,
}

rows = []
for body_name, body in BODIES.items():
    for secret_name, secret in SECRETS.items():
        signer_name, signer = list(SIGNERS.items())[len(rows) % len(SIGNERS)]
        rows.append({
            "id": f"{signer_name}: {body_name}; {secret_name}",
            "secret": encode(secret),
            "body": encode(body),
            "signature": signer(secret, body),
        })
lines = ",\n".join("  " + json.dumps(row) for row in rows)
(HERE / "languages.json").write_text(f"[\n{lines}\n]\n")

for file in HERE.glob("*.json"):
    for row in json.loads(file.read_text()):
        assert python(decode(row["secret"]), decode(row["body"])).startswith(row["signature"]), row["id"]
