"""The Python clients: http.client, urllib, requests, httpx and aiohttp.

Usage, as of every client here: client LIBRARY JOBS.json. For each job in the file, in order and over
one kept-alive connection where the library can: encode the body with this language's own serializer,
sign it, post it, and print a line of JSON: {"id", "status", "body"} or {"id", "error"}.
"""

import asyncio
import hashlib
import hmac
import http.client
import io
import json
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def prepare(job):
    """The body's bytes and the headers."""
    body = (job["text"] if "text" in job else json.dumps(job["body"])).encode()
    body = body.ljust(job.get("pad_to", 0))
    headers = {"Content-Type": "application/json"} | job["headers"]
    if sign := job.get("sign"):
        digest = hmac.new(sign["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers[sign["header"]] = sign["prefix"] + digest
    if not job.get("chunked"):
        headers["Content-Length"] = str(len(body))
    return body, headers


def stream(job, body):
    """The body in parts, after a pause."""
    time.sleep(job.get("pause", 0))
    for start in range(0, len(body), 16384):
        yield body[start : start + 16384]


def content(job, body):
    return stream(job, body) if "pause" in job or "chunked" in job else body


def http_client():
    connections = {}

    def send(job):
        body, headers = prepare(job)
        url = urlsplit(job["url"])
        connection = connections.setdefault(url.netloc, http.client.HTTPConnection(url.netloc, timeout=30))
        try:
            connection.request("POST", url.path + "?" + url.query, content(job, body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except Exception:
            connection.close()
            raise

    return send


def urllib_request():
    def send(job):
        body, headers = prepare(job)
        request = urllib.request.Request(job["url"], content(job, body), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    return send


class LateFile(io.BytesIO):
    """A file that is read after a pause. requests knows its length, other than a generator's."""

    def __init__(self, job, body):
        super().__init__(body)
        self.pause = job["pause"]

    def read(self, size=-1):
        time.sleep(self.pause)
        self.pause = 0
        return super().read(size)


def requests():
    import requests

    session = requests.Session()

    def send(job):
        body, headers = prepare(job)
        is_late_file = "pause" in job and "chunked" not in job
        data = LateFile(job, body) if is_late_file else content(job, body)
        response = session.post(job["url"], data=data, headers=headers, timeout=30)
        return response.status_code, response.content

    return send


def httpx():
    import httpx

    client = httpx.Client(timeout=30, trust_env=False)

    def send(job):
        body, headers = prepare(job)
        response = client.post(job["url"], content=content(job, body), headers=headers)
        return response.status_code, response.content

    return send


def aiohttp():
    import aiohttp

    loop = asyncio.new_event_loop()

    async def connect():
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30))

    session = loop.run_until_complete(connect())

    async def stream_async(job, body):
        await asyncio.sleep(job.get("pause", 0))
        for start in range(0, len(body), 16384):
            yield body[start : start + 16384]

    async def post(job):
        body, headers = prepare(job)
        data = stream_async(job, body) if "pause" in job or "chunked" in job else body
        async with session.post(job["url"], data=data, headers=headers) as response:
            return response.status, await response.read()

    return lambda job: loop.run_until_complete(post(job))


LIBRARIES = {
    "http.client": http_client,
    "urllib": urllib_request,
    "requests": requests,
    "httpx": httpx,
    "aiohttp": aiohttp,
}


def main():
    send = LIBRARIES[sys.argv[1]]()
    with open(sys.argv[2], encoding="utf-8") as file:
        jobs = json.load(file)
    for job in jobs:
        try:
            status, body = send(job)
            result = {"status": status, "body": body.decode("latin-1")}
        except Exception as error:
            result = {"error": repr(error)}
        print(json.dumps({"id": job["id"]} | result), flush=True)


main()
