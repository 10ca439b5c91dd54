"""Good and bad deliveries, interleaved, by foreign clients and through foreign proxies."""

import json
import os
import random
import subprocess
import time
from collections import ChainMap, Counter
from concurrent.futures import ThreadPoolExecutor

import samples
from harness import DRAINED, HERE, Closed, Connection, Process, Receiver, chunks, head, paths, signature, wait_for

RECEIVED = {"received": True}
BOTH = {"chunked", "late"}

# Each client: how it is started, and what it can do with a body.
# These send `Expect: 100-continue`, libcurl's clients with a large body. Caddy passes the header on and doesn't wait
# for the answer. The receiver rejects the request without its body, and Caddy may answer with 502.
EXPECT_CONTINUE = {"curl", "curl/expect", "php/curl", "php/guzzle"}

CLIENTS = {
    "python/http.client": (["/usr/bin/python3", "client.py", "http.client"], BOTH),
    "python/urllib": (["/usr/bin/python3", "client.py", "urllib"], BOTH),
    "python/requests": (["/usr/bin/python3", "client.py", "requests"], BOTH),
    "python/httpx": (["/usr/bin/python3", "client.py", "httpx"], BOTH),
    "python/aiohttp": (["/usr/bin/python3", "client.py", "aiohttp"], BOTH),
    "node/http": (["node", "client.mjs", "http"], BOTH),
    "node/fetch": (["node", "client.mjs", "fetch"], {"chunked"}),
    "node/axios": (["node", "client.mjs", "axios"], BOTH),
    "node/undici": (["node", "client.mjs", "undici"], BOTH),
    "php/curl": (["php", "client.php", "curl"], BOTH),
    "php/stream": (["php", "client.php", "stream"], set()),
    "php/guzzle": (["php", "client.php", "guzzle"], set()),
    "ruby/net-http": (["ruby", "client.rb", "net-http"], BOTH),
    "ruby/http.rb": (["ruby", "client.rb", "http.rb"], set()),
    "ruby/excon": (["ruby", "client.rb", "excon"], {"chunked"}),
    "ruby/httparty": (["ruby", "client.rb", "httparty"], set()),
    "perl/http-tiny": (["perl", "client.pl", "http-tiny"], BOTH),
    "perl/lwp": (["perl", "client.pl", "lwp"], BOTH),
    "perl/mojo": (["perl", "client.pl", "mojo"], set()),
    "go/net-http": (["{go}", "plain"], BOTH),
    "go/streamed": (["{go}", "streamed"], BOTH),
    "curl": (["./client.sh", "curl"], {"chunked"}),
    "curl/expect": (["./client.sh", "curl-expect"], {"chunked"}),
    "wget": (["./client.sh", "wget"], set()),
}
QUICK = ["python/http.client", "node/http", "php/curl", "curl"]


class Client(Process):
    """A client program."""

    def __init__(self, command, errors):
        self.process = subprocess.Popen(
            command, cwd=HERE / "clients", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )

    def output(self, seconds):
        """What it prints until its end, or until it has had the time."""
        try:
            return self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]


def run_client(name, address, client_jobs, directory):
    """Lets a client send its jobs; gives for each its status, or None, and its body or error."""
    if not client_jobs:
        return {}
    command = [part.format(go=os.environ.get("FOREIGN_GO")) for part in CLIENTS[name][0]]
    base = "http://%s:%d" % address
    file = directory / f"{name.replace('/', '-')}-{address[1]}-{client_jobs[0].request['id']}.json"
    requests = [job.request | {"url": base + job.request["target"]} for job in client_jobs]
    file.write_text(json.dumps(requests))
    log = file.with_suffix(".log")
    with open(log, "wb") as errors, Client([*command, file], errors) as client:
        output = client.output(seconds=300)
    results = {}
    for line in output.decode().splitlines():
        result = json.loads(line)
        results[result["id"]] = (result.get("status"), result.get("body", result.get("error")))
    if len(results) < len(client_jobs):
        print(f"{name} has ended before its time: {log.read_text()[-2000:]}")
    return results


class Reference:
    """The line that the receiver prints for each sample, whoever sends it."""

    def __init__(self, receiver, all_samples):
        self.lines = {}
        for number, sample in enumerate(all_samples):
            job = samples.good_job(sample.name, sample, f"ref{number}")
            target, headers, body = samples.encode(job.request)
            with Connection(receiver.address) as connection:
                connection.send(head(target, headers, len(body)) + body)
                status = connection.response()[0]
            if status == 200:
                line = receiver.await_lines(len(self.lines) + 1)[-1]
                self.lines[sample.name, sample.path] = (job.mark, json.dumps(line))
        receiver.lines.clear()

    def line(self, job):
        """What must be printed for a job."""
        known = self.lines.get((job.sample.name, job.sample.path))
        if not known:
            return "none: the receiver rejects the sample"
        mark, text = known
        return json.loads(text.replace(mark, job.mark)) | ({"duplicate": True} if job.repeated else {})


def clients(tally, options, framework, directory):
    """Every client sends every sample in its own spelling, good and bad interleaved, on every path."""
    all_samples = samples.samples()
    names = QUICK if options.quick else list(CLIENTS)
    names = [name for name in names if not options.client or name in options.client]
    table = {}
    with (
        Receiver(framework, directory) as receiver,
        paths(receiver, options.proxies, directory) as addresses,
    ):
        reference = Reference(receiver, all_samples)
        for path, address in addresses.items():
            receiver.lines.clear()

            def run(name):
                tag = f"{path}x{name}x".translate({ord(c): None for c in "/-."})
                work = samples.jobs(all_samples, receiver.limit, tag, CLIENTS[name][1])
                # nginx without buffers and HAProxy don't announce that they close their client's
                # connection after an early response. So what is past the drain comes by a connection
                # of its own there; it shares the connections to the receiver with all others.
                breaking = [job for job in work if job.past_drain and path != "direct"]
                others = [job for job in work if job not in breaking]
                with ThreadPoolExecutor() as both:
                    results = both.map(lambda part: run_client(name, address, part, directory), [others, breaking])
                    return name, work, dict(ChainMap(*results))

            with ThreadPoolExecutor(options.parallel) as pool:
                done = list(pool.map(run, names))
            good = [job for _, work, _ in done for job in work if job.good]
            lines = receiver.await_lines(len(good))
            printed = Counter(json.dumps(line, sort_keys=True) for line in lines)
            for name, work, results in done:
                may_break = path == "caddy" and name in EXPECT_CONTINUE
                errors = list(judge(work, results, reference, printed, may_break))
                table[name, path] = (len(work) - len(errors), len(errors))
                tally.passed += len(work) - len(errors)
                for error in errors:
                    tally.fail(f"{framework} {path}: {error}", who=name)
            # What is left was printed for no good delivery, or once more than it may be.
            left = +printed
            tally.check(f"{receiver.name} {path} no other lines", not left, f"{sum(left.values())}: {list(left)[:3]}")
    show(framework, names, list(addresses), table)


def judge(work, results, reference, printed, may_break):
    """What is wrong with a client's results. Takes the lines that it accounts for.

    `may_break` says whether a rejected request may fail without its response.
    """
    for job in work:
        status, answer = results.get(job.request["id"], (None, "no result"))
        fault = None
        broken = may_break and not job.good and status in {502, None}
        if status not in job.statuses and not broken:
            expected = "/".join(str(status) for status in job.statuses if status)
            fault = f"{job.kind}: {status or answer} instead of {expected}"
        elif job.good and json.loads(answer) != RECEIVED:
            fault = f"{job.kind}: {answer!r} instead of {RECEIVED}"
        if job.good:
            line = json.dumps(reference.line(job), sort_keys=True)
            if printed[line] > 0:
                printed[line] -= 1
            else:
                fault = fault or f"{job.kind}: 200, but its line is missing"
        if fault:
            yield fault


def show(receiver, names, columns, table):
    print(f"\n{receiver:20}" + "".join(f"{column:>18}" for column in columns))
    for name in names:
        cells = []
        for column in columns:
            passed, failed = table.get((name, column), (0, 0))
            cells.append(f"{passed} ok" + (f", {failed} bad" if failed else ""))
        print(f"  {name:18}" + "".join(f"{cell:>18}" for cell in cells))
    print(flush=True)


def interleaved(tally, options, framework, directory):
    """2,000 requests over kept-alive connections, every third one good, the others rejected."""
    with (
        Receiver(framework, directory) as receiver,
        paths(receiver, options.proxies, directory) as addresses,
    ):
        for path, address in addresses.items():
            receiver.lines.clear()
            begin = time.monotonic()
            with ThreadPoolExecutor(8) as pool:
                shares = list(pool.map(lambda number: interleave(receiver, address, f"{path}{number}"), range(8)))
            counts = sum((counts for counts, _ in shares), Counter())
            faults = sum((faults for _, faults in shares), Counter())
            lines = Counter(line["id"] for line in receiver.await_lines(counts["good"]))
            wrong_good = sum(count for (good, *_), count in faults.items() if good)
            wrong_bad = sum(faults.values()) - wrong_good
            name = f"{receiver.name} {path}"
            seconds = time.monotonic() - begin
            print(
                f"{name:24} {counts['good']} good, {wrong_good} wrong; {counts['bad']} bad, {wrong_bad} wrong"
                f" ({seconds:.0f} s)",
                flush=True,
            )
            tally.passed += sum(counts.values()) - sum(faults.values())
            for (_, kind, outcome), count in faults.items():
                tally.fail(f"{name}: {kind}: {outcome}", count)
            once = [id for id, count in lines.items() if count == 1]
            tally.check(f"{name} one line for each good delivery", len(once) == counts["good"], f"{len(once)} lines")


def interleave(receiver, address, tag, requests=250):
    """One connection's share of the requests: how many were sent, and what went wrong with them."""
    counts, faults = Counter(), Counter()
    dice = random.Random(tag)
    path, limit = "/webhooks/graphoid", receiver.limit
    large = [limit // 2, limit + 1, limit + 5_000, limit + DRAINED // 2]
    connection = Connection(address)
    for number in range(requests):
        good = number % 3 == 0
        mark = f"evt_{tag}_{number}"
        body = b'{"id":"%s","event":"lead.won","data":{"lead":{"id":"%s"}}}' % (mark.encode(), mark.encode())
        kind, status, pause, chunked = "good", 200, 0, dice.random() < 0.3
        if not good:
            kind, status = dice.choice([("unsigned", 401), ("forged", 401), ("gzip", 415)])
            pause = dice.choice([0, 0.005, 0.03])
            if dice.random() < 0.2:
                body = body.ljust(dice.choice(large))
                if len(body) > limit and kind == "forged":
                    status = 413
                kind = f"{kind}, large"
            kind = f"{kind}, late" if pause else kind
        headers = signature(path, body, "not the secret" if kind.startswith("forged") else None)
        if kind.startswith("unsigned"):
            headers = {}
        if kind.startswith("gzip"):
            headers["content-encoding"] = "gzip"
        try:
            connection.send(head(path, headers, len(body), chunked))
            time.sleep(pause)
            connection.send(chunks(body) if chunked else body)
            got, _ = connection.response()
        except Closed as closed:
            got = str(closed)
        counts["good" if good else "bad"] += 1
        if got != status:
            faults[good, kind, got] += 1
        if connection.closes:
            connection.reopen()
    connection.close()
    return counts, faults


# Under axum, a rejected request leaves the connection open; actix may close it if it says so.
MAY_CLOSE = {"actix"}


def next_request(tally, options, framework, directory):
    """After each bad request, the next good one on the same connection is handled."""
    all_samples = samples.samples()
    graphoid = samples.first(all_samples, "graphoid")
    with Receiver(framework, directory) as receiver:
        with Connection(receiver.address) as connection:
            fault = last_fault(connection, samples.good_job("good", graphoid, "alone"))
            closed = connection.closes
        fault = fault or closed and "it closes the connection"
        tally.check(f"{framework} next-request after a good one", not fault, fault or "")

        for bad in samples.bad_jobs(all_samples, receiver.limit, "next", {"chunked"}):
            for timing in [] if bad.past_drain else [together, late, expect]:
                mark = f"{timing.__name__}{bad.kind}".translate({ord(c): None for c in ", +"})
                good = samples.good_job("good", graphoid, mark)
                with Connection(receiver.address) as connection:
                    try:
                        fault = timing(connection, bad, good, framework in MAY_CLOSE)
                    except Closed as closed:
                        fault = str(closed)
                if not fault and not wait_for(lambda: receiver.printed(f"evt_{mark}") == 1, 2):
                    fault = f"{receiver.printed(f'evt_{mark}')} lines"
                name = f"{framework} next-request {timing.__name__}: {bad.kind}"
                tally.check(name, not fault, fault, quiet=True)


def together(connection, bad, good, may_close):
    """Both requests in one go."""
    connection.send(b"".join(parts(bad) + parts(good)))
    return first_fault(connection, bad, may_close) or last_fault(connection, good, sent=True)


def late(connection, bad, good, may_close):
    """The head, a pause, the body; and then the good request."""
    first, body = parts(bad)
    connection.send(first)
    time.sleep(0.1)
    connection.send(body)
    return first_fault(connection, bad, may_close) or last_fault(connection, good)


def expect(connection, bad, good, _):
    """The body comes after `100 Continue`; if a response comes instead, it may close the connection."""
    first, body = parts(bad, {"expect": "100-continue"})
    connection.send(first)
    if connection.continues():
        connection.send(body)
        return first_fault(connection, bad, True) or last_fault(connection, good)
    fault = first_fault(connection, bad, True)
    if not connection.closes:
        connection.send(body)
    return fault or last_fault(connection, good)


def parts(job, more=()):
    """A request's head and body."""
    target, headers, body = samples.encode(job.request)
    is_chunked = job.request.get("chunked", False)
    first = head(target, headers | dict(more), len(body), is_chunked)
    return first, chunks(body) if is_chunked else body


def first_fault(connection, bad, may_close):
    """What is wrong with the response to the bad request."""
    status = connection.response()[0]
    if status not in bad.statuses:
        return f"{status} instead of {bad.statuses}"
    if connection.closes and not may_close:
        return f"{status} closes the connection"
    return None


def last_fault(connection, good, sent=False):
    """What is wrong with the response to the good request, if the sender takes the hints it gets."""
    status = None
    if sent and not connection.closes:
        status = connection.response()[0]
    end = time.monotonic() + 5
    # A request that was sent before the close was announced may be in progress: 409 asks for a retry.
    while status in {None, 409} and time.monotonic() < end:
        if connection.closes:
            connection.reopen()
        connection.send(b"".join(parts(good)))
        status = connection.response()[0]
    return None if status == 200 else f"{status} to the good request"
