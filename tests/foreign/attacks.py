"""Attacks on a receiver: slow bodies, a stalled standard output, clients that never read."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import DRAINED, Closed, Connection, Process, Receiver, head, signature, wait_for

# What the receivers promise, in seconds; the margin is for a loaded machine.
RESPONSE = {"/webhooks/graphoid": 8, "/webhooks/scoreapp": 8, "/webhooks/grader": 4}
BODY_LIMIT = 8
UNREAD = 75
SHUTDOWN = 15
MARGIN = 4

GRAPHOID = "/webhooks/graphoid"


def delivery(mark, path=GRAPHOID):
    """A good delivery as the bytes of its head and of its body."""
    bodies = {
        "/webhooks/graphoid": {"id": mark, "event": "lead.won", "data": {"lead": {"id": mark}}},
        "/webhooks/scoreapp": {"event_name": "QUIZ_FINISHED", "data": {"id": mark, "email": f"{mark}@example.com"}},
        "/webhooks/grader": {
            "event": "submission.scored",
            "webhook_id": mark,
            "data": {"submission": {"id": mark, "form_data": {"email": f"{mark}@example.com"}}},
        },
    }
    body = json.dumps(bodies[path]).encode()
    return head(path, signature(path, body), len(body)), body


def post(address, mark, path=GRAPHOID):
    """Sends a good delivery by a connection of its own; gives the status, or None, and the seconds."""
    begin = time.monotonic()
    try:
        with Connection(address) as connection:
            connection.send(b"".join(delivery(mark, path)))
            status = connection.response()[0]
    except (Closed, OSError):
        status = None
    return status, time.monotonic() - begin


class Traffic:
    """Good deliveries, one after the other, for as long as an attack lasts."""

    def __init__(self, address, name):
        self.address = address
        self.name = name
        self.outcomes = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        while not self.stopped.wait(0.05):
            self.outcomes.append(post(self.address, f"evt_{self.name}_{len(self.outcomes)}"))

    def check(self, tally, name):
        statuses = Counter(status for status, _ in self.outcomes)
        slowest = max(seconds for _, seconds in self.outcomes)
        good = set(statuses) == {200} and slowest < MARGIN
        tally.check(f"{name} good deliveries are unaffected", good, f"{dict(statuses)}, slowest {slowest:.2f} s")


def slow_bodies(tally, options, framework, directory):
    """500 rejected bodies arrive at one byte a second, beside good deliveries."""
    name = f"{framework} slow-bodies"
    count = 500
    with Receiver(framework, directory) as receiver, Traffic(receiver.address, "slow") as traffic:
        time.sleep(1)
        before = receiver.rss()
        begin = time.monotonic()
        open_sockets = {}
        for number in range(count):
            headers = signature(GRAPHOID, b"", "not the secret") if number % 2 else {}
            client = socket.create_connection(receiver.address)
            client.sendall(head(GRAPHOID, headers, receiver.limit))
            open_sockets[client] = time.monotonic()
        lives, memory = [], []
        while open_sockets and time.monotonic() - begin < 60:
            memory.append(receiver.rss())
            for client in list(open_sockets):
                if ended(client):
                    lives.append(time.monotonic() - open_sockets.pop(client))
                    client.close()
                else:
                    with contextlib.suppress(OSError):
                        client.send(b" ")
            time.sleep(1)
        left = len(open_sockets)
        for client in open_sockets:
            client.close()
    longest = max(lives, default=0)
    within = not left and longest < BODY_LIMIT + MARGIN
    tally.check(f"{name} the server's limit ends each", within, f"{left} of {count} left, the last after {longest:.1f} s")
    growth = (max(memory) - before) / 1024
    # A connection costs some buffers, whatever comes over it.
    tally.check(f"{name} memory is flat", growth < 64 * count, f"+{growth:.0f} KiB, {growth / count:.1f} a connection")
    traffic.check(tally, name)


def large_bodies(tally, options, framework, directory):
    """100 unsigned bodies over the limit stay without their last byte, beside good deliveries."""
    name = f"{framework} large-bodies"
    count = 100
    with Receiver(framework, directory) as receiver, Traffic(receiver.address, "large") as traffic:
        length = receiver.limit + DRAINED - 1
        time.sleep(1)
        before = most = receiver.rss()
        clients = []
        for _ in range(count):
            client = socket.create_connection(receiver.address, 2)
            # The receiver may have enough of it before the end.
            with contextlib.suppress(OSError):
                client.sendall(head(GRAPHOID, {}, length) + b" " * (length - 1))
            clients.append(client)
            most = max(most, receiver.rss())
        growth = (most - before) / 1024
        # The buffer of a connection grows with what comes: hyper's to about half a MiB.
        tally.check(f"{name} none is kept", growth < 768 * count, f"+{growth:.0f} KiB for {count} of {length} B")
        for client in clients:
            client.close()
    traffic.check(tally, name)


def ended(client):
    """Whether the server has closed the connection. Reads what has come until then."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    finally:
        client.setblocking(True)
    return True


class StalledReader(Process):
    """A reader of the receiver's standard output that has been stopped, as by a full disk or Ctrl-Z."""

    def __init__(self, directory):
        self.file = directory / "lines"
        reading, self.writing = os.pipe()
        with open(self.file, "wb") as file:
            self.process = subprocess.Popen(["cat"], stdin=reading, stdout=file)
        os.close(reading)
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def marks(self):
        """Which deliveries were printed, and how often."""
        whole = self.file.read_text().split("\n")[:-1]
        lines = [json.loads(line) for line in whole if line.startswith("{")]
        return Counter(line["id"] or line["lead"]["email"].split("@")[0] for line in lines)


@contextlib.contextmanager
def stalled(framework, directory):
    """A receiver whose standard output is full and not read."""
    with StalledReader(directory) as reader:
        with Receiver(framework, directory, stdout=reader.writing) as receiver:
            os.close(reader.writing)
            yield receiver, reader


def flood(receiver, tag, count):
    """Sends deliveries at the same time, of the providers in turn; gives each one's outcome."""
    routes = list(RESPONSE)
    work = [(f"{tag}{number}", routes[number % len(routes)]) for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        outcomes = pool.map(lambda one: post(receiver.address, *one), work)
        return {one: outcome for one, outcome in zip(work, outcomes)}


def stalled_output(tally, options, framework, directory):
    """Nobody reads the standard output any more, and later somebody does again."""
    name = f"{framework} stalled-output"
    with stalled(framework, directory) as (receiver, reader):
        outcomes = {}
        # The pipe holds 64 KiB: some hundred lines, before anything stalls.
        for turn in range(10):
            outcomes |= flood(receiver, f"flood{turn}x", 120)
            if any(status != 200 for status, _ in outcomes.values()):
                break
        statuses = Counter(status for status, _ in outcomes.values())
        tally.check(f"{name} 200 or 503", set(statuses) == {200, 503}, dict(statuses))
        late = [seconds - RESPONSE[path] for (_, path), (_, seconds) in outcomes.items()]
        tally.check(f"{name} responses in time", max(late) < 1, f"the last one {max(late):+.1f} s from its deadline")

        begin = time.monotonic()
        with Connection(receiver.address) as connection:
            try:
                connection.send(UNSIGNED)
                status = connection.response()[0]
            except Closed as closed:
                status = closed
        seconds = time.monotonic() - begin
        tally.check(f"{name} others are rejected meanwhile", status == 401 and seconds < 2, f"{status}, {seconds:.1f} s")

        reader.go_on()
        time.sleep(1)
        rejected = [one for one, (status, _) in outcomes.items() if status != 200]
        with ThreadPoolExecutor(20) as pool:
            again = list(pool.map(lambda one: post(receiver.address, *one)[0], rejected))
        tally.check(f"{name} retries succeed after it", set(again) <= {200}, dict(Counter(again)))
        handled = {mark for (mark, _), (status, _) in outcomes.items() if status == 200}
        handled |= {mark for (mark, _), status in zip(rejected, again) if status == 200}
        wait_for(lambda: handled <= set(reader.marks()), 5)
        lost = handled - set(reader.marks())
        tally.check(f"{name} each 200 has its line", not lost, f"{len(lost)} of {len(handled)} lost")


def stalled_output_shutdown(tally, options, framework, directory):
    """SIGTERM while nobody reads the standard output."""
    name = f"{framework} stalled-output-shutdown"
    with stalled(framework, directory) as (receiver, _):
        pool = ThreadPoolExecutor(400)
        for number in range(400):
            pool.submit(post, receiver.address, f"stalled{number}")
        time.sleep(2)
        check_end(tally, name, receiver)
        pool.shutdown()


def check_end(tally, name, receiver):
    seconds = receiver.end(SHUTDOWN + MARGIN)
    detail = "it does not end" if seconds is None else f"{seconds:.1f} s"
    tally.check(f"{name} ends within {SHUTDOWN} s", seconds is not None and seconds < SHUTDOWN, detail)


def unread_client(address, request):
    """A client that pipelines requests until nothing more goes out for 2 s, and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(address)
    client.setblocking(False)
    # Far more than the buffers of both ends hold of responses.
    stream = memoryview(request * 1000)
    sent, end = 0, 500 * len(stream)
    last = time.monotonic()
    while sent < end and time.monotonic() - last < 2:
        try:
            sent += client.send(stream[sent % len(stream) :])
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:
            break
    return client


UNSIGNED = head(GRAPHOID, {}, 2) + b"{}"
NOT_FOUND = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def unread_responses(tally, options, framework, directory):
    """Clients pipeline requests and read no response: they are disconnected after 30 s."""
    name = f"{framework} unread-responses"
    with Receiver(framework, directory) as receiver, Traffic(receiver.address, "unread") as traffic:
        wait_for(lambda: traffic.outcomes, 5)
        before = receiver.sockets()
        begin = time.monotonic()
        with ThreadPoolExecutor(10) as pool:
            requests = [UNSIGNED, NOT_FOUND] * 5
            clients = list(pool.map(lambda request: unread_client(receiver.address, request), requests))
        memory = receiver.rss()
        # One socket may belong to the good deliveries.
        wait_for(lambda: receiver.sockets() <= before + 1, UNREAD + 3 * MARGIN, 0.5)
        seconds = time.monotonic() - begin
        left = max(0, receiver.sockets() - before - 1)
        growth = (receiver.rss() - memory) / 1024
        tally.check(f"{name} disconnected", not left, f"{left} of {len(clients)} connected after {seconds:.0f} s")
        tally.check(f"{name} memory is flat", growth < 10 * 1024, f"{growth:+.0f} KiB while they wait")
    for client in clients:
        client.close()
    traffic.check(tally, name)


def shutdown(tally, options, framework, directory):
    """SIGTERM while heads and bodies are half sent, and responses unread."""
    name = f"{framework} shutdown"
    head_bytes, body = delivery("evt_half")
    halves = {
        "idle connections": b"",
        "half a head": head_bytes[:40],
        "half a body": head_bytes + body[:20],
        "half a body, unsigned": head(GRAPHOID, {}, 1000) + body[:20],
    }
    for kind, start in halves.items():
        with Receiver(framework, directory) as receiver:
            clients = [socket.create_connection(receiver.address) for _ in range(20)]
            for client in clients:
                client.sendall(start)
            time.sleep(0.5)
            check_end(tally, f"{name} {kind}", receiver)
            for client in clients:
                client.close()

    with Receiver(framework, directory) as receiver:
        clients = [unread_client(receiver.address, request) for request in [UNSIGNED, NOT_FOUND]]
        check_end(tally, f"{name} unread responses", receiver)
        for client in clients:
            client.close()

    with Receiver(framework, directory) as receiver, Connection(receiver.address) as connection:
        connection.send(head_bytes + body[:20])
        time.sleep(0.5)
        receiver.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        try:
            connection.send(body[20:])
            status = connection.response()[0]
        except Closed as closed:
            status = str(closed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            receiver.process.wait(SHUTDOWN)
        printed = [line["id"] for line in receiver.deliveries()]
        finished = status == 200 and printed == ["evt_half"]
        tally.check(f"{name} a request in flight is finished", finished, f"{status}, printed {printed}")
        ended = receiver.process.poll()
        tally.check(f"{name} the exit status is 0", ended == 0, f"{ended}")
