"""The receivers and proxies under test, as processes, and HTTP over plain sockets."""

import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

SECRETS = {
    "GRADER_WEBHOOK_SECRET": "grader's s3cret & more",
    "GRAPHOID_WEBHOOK_SECRET": "whsec_gr4phoid",
    "SCOREAPP_WEBHOOK_SECRET": "12345",
    "TOMBA_WEBHOOK_TOKEN": "tomba-token-0123456789",
}
SIGNATURES = {
    "/webhooks/grader": ("x-grader-signature", "", SECRETS["GRADER_WEBHOOK_SECRET"]),
    "/webhooks/graphoid": ("x-graphoid-signature", "sha256=", SECRETS["GRAPHOID_WEBHOOK_SECRET"]),
    "/webhooks/scoreapp": ("scoreapp-signature", "", SECRETS["SCOREAPP_WEBHOOK_SECRET"]),
}

# The frameworks' own limits to a body, which the receivers leave as they are.
BODY_LIMITS = {"axum": 2 * 1024 * 1024, "actix": 256 * 1024}
# A rejected body is read and thrown away up to the limit and this; past it, the connection closes.
DRAINED = 1024 * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, step=0.02):
    """Waits until `condition()` is true, and gives its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(step)
    return value


class Process:
    """A process that is killed when the check is done with it, or when the script is ended."""

    running = set()

    def __enter__(self):
        self.running.add(self)
        return self

    def __exit__(self, *_):
        self.running.discard(self)
        self.process.kill()
        self.process.wait()

    def rss(self):
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS: has the process ended?")

    def sockets(self):
        """How many sockets the process has open, its listening ones included."""
        count = 0
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(entry).startswith("socket:")
        return count


class Receiver(Process):
    """`axum_receiver` or `actix_receiver` of the package `receivers`, on a free port.

    Its standard output is read by a thread, or goes to `stdout` if that is given.
    """

    def __init__(self, name, directory, stdout=None):
        self.name = name
        self.limit = BODY_LIMITS[name]
        self.lines = []
        self.log = Path(directory) / f"{name}.log"
        port = free_port()
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        binary = os.environ.get("FOREIGN_RECEIVERS", target / "debug")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [Path(binary) / f"{name}_receiver"],
                env=SECRETS | {"LISTEN": f"127.0.0.1:{port}"},
                stdin=subprocess.DEVNULL,
                stdout=stdout or subprocess.PIPE,
                stderr=log,
            )
        self.address = ("127.0.0.1", port)
        if stdout is None:
            threading.Thread(target=self._read, daemon=True).start()
        if not wait_for(lambda: accepts(self.address), 30):
            self.process.kill()
            raise RuntimeError(f"the {name} receiver does not start: {self.log.read_text()}")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode())

    def deliveries(self):
        """The printed deliveries, parsed."""
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def printed(self, id):
        """How often an event was printed as handled, and not as a duplicate."""
        return sum(line["id"] == id and "duplicate" not in line for line in self.deliveries())

    def await_lines(self, count, seconds=5):
        """Waits for the number of printed deliveries, and a moment longer for one too many."""
        wait_for(lambda: len(self.deliveries()) >= count, seconds, 0.1)
        time.sleep(0.2)
        return self.deliveries()

    def end(self, seconds):
        """Sends SIGTERM, and gives the seconds until the end, or None if it does not come."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - begin


def accepts(address):
    try:
        socket.create_connection(address, 1).close()
    except OSError:
        return False
    return True


COMMANDS = {
    "nginx": ("nginx.conf", ["nginx", "-c"]),
    "haproxy": ("haproxy.cfg", ["haproxy", "-db", "-f"]),
    "caddy": ("Caddyfile", ["caddy", "run", "--adapter", "caddyfile", "--config"]),
}


class Proxy(Process):
    """A proxy in front of a receiver. nginx listens at a second address, too."""

    def __init__(self, name, upstream, directory):
        self.address = ("127.0.0.1", free_port())
        self.streaming = ("127.0.0.1", free_port())
        directory = Path(directory) / f"{name}-{self.address[1]}"
        directory.mkdir()
        # nginx's workers give up root and must still reach their temporary files.
        directory.chmod(0o777)
        template, command = COMMANDS[name]
        text = (HERE / "proxies" / template).read_text()
        for key, value in {
            "@LISTEN@": "%s:%d" % self.address,
            "@PORT@": str(self.address[1]),
            "@LISTEN_STREAMING@": "%s:%d" % self.streaming,
            "@UPSTREAM@": "%s:%d" % upstream,
            "@DIRECTORY@": str(directory),
        }.items():
            text = text.replace(key, value)
        (directory / template).write_text(text)
        self.name = name
        self.log = log = directory / "output.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [*command, directory / template],
                env=os.environ | {"HOME": str(directory), "PATH": os.environ["PATH"] + ":/usr/sbin"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if not wait_for(lambda: accepts(self.address), 20):
            self.process.kill()
            raise RuntimeError(f"{name} does not start: {log.read_text()}")

    def __exit__(self, *_):
        if self.process.poll() is not None:
            # Otherwise the failures say no more than that nothing listens.
            print(f"{self.name} ended by itself:\n{self.log.read_text()[:2000]}", flush=True)
        # nginx's master must end its workers itself.
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        super().__exit__()


@contextlib.contextmanager
def paths(receiver, proxies, directory):
    """The ways to a receiver, by name: directly, and through each of the proxies."""
    with contextlib.ExitStack() as stack:
        addresses = {"direct": receiver.address}
        for name in proxies:
            proxy = stack.enter_context(Proxy(name, receiver.address, directory))
            addresses[name] = proxy.address
            if name == "nginx":
                addresses["nginx-streaming"] = proxy.streaming
        yield addresses


def signature(path, body, secret=None):
    """The header that signs a body for a route."""
    name, prefix, own = SIGNATURES[path]
    digest = hmac.new((secret or own).encode(), body, hashlib.sha256).hexdigest()
    return {name: prefix + digest}


class Closed(Exception):
    """The connection ended before a whole response."""


class Connection:
    """A kept-alive HTTP/1.1 connection over a plain socket: nothing is retried or hidden.

    `closes` tells whether it is of no use any more: closed, or about to be as the response says.
    """

    def __init__(self, address, timeout=20):
        self.address = address
        self.timeout = timeout
        self.open()

    def open(self):
        self.socket = socket.create_connection(self.address, self.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.closes = False

    def reopen(self):
        self.close()
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.closes = True
            raise Closed(str(error)) from error

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            self.closes = True
            raise Closed(str(error)) from error
        if not data:
            self.closes = True
            raise Closed("the connection was closed")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def _take(self, length):
        while len(self.buffer) < length:
            self._more()
        part, self.buffer = self.buffer[:length], self.buffer[length:]
        return part

    def continues(self):
        """Waits for a response, and tells whether it is `100 Continue`, which it takes."""
        while b"\r\n" not in self.buffer:
            self._more()
        is_interim = self.buffer.split(b" ", 2)[1] == b"100"
        if is_interim:
            self._until(b"\r\n\r\n")
        return is_interim

    def response(self):
        """The status and the body of the next final response."""
        while self.continues():
            pass
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        body = b""
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int(self._until(b"\r\n").split(b";")[0], 16):
                body += self._take(size)
                self._take(2)
            self._until(b"\r\n")
        else:
            body = self._take(int(headers.get("content-length", 0)))
        self.closes = headers.get("connection", "").lower() == "close"
        return int(first.split(" ")[1]), body


def head(path, headers, length=None, chunked=False):
    """The head of a POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json"]
    if chunked:
        lines.append("transfer-encoding: chunked")
    elif length is not None:
        lines.append(f"content-length: {length}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunks(body, size=16384):
    """A body in the chunked transfer encoding."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
