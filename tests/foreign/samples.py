"""The documented bodies, where each of them goes, and the requests that the clients make of them."""

import json

from harness import DRAINED, ROOT, SECRETS, SIGNATURES, signature

TOKEN = SECRETS["TOMBA_WEBHOOK_TOKEN"]
LOOK_UPS = [
    "email-verifier",
    "email-finder",
    "domain-search",
    "author-finder",
    "phone-finder",
    "phone-validator",
]
# A text that every serializer spells in its own way.
TEXT = "Zoë & <Söhne> / \"東京\" \\ 😀\u2028"

# For each sample by the start of its name: its routes, where the mark goes that makes a delivery
# known in the receiver's output, and texts to replace. A mark of None: the line holds no value of
# the body, so such deliveries are counted.
TABLE = {
    "grader/submission_scored": (["grader"], ("webhook_id", "wh_{}"), []),
    "graphoid/lead_won": (["graphoid"], ("id", "evt_{}"), ["data.lead.name"]),
    "scoreapp/": (["scoreapp"], ("data.email", "{}@example.com"), ["data.first_name"]),
    "tomba/save_lead": (["tomba/save-lead"], ("data.email", "{}@example.com"), ["data.company"]),
    "tomba/email_verifier": (["tomba/email-verifier"], ("data.email.email", "{}@example.com"), []),
    "tomba/email_finder": (["tomba/email-finder"], ("data.email", "{}@example.com"), ["data.company"]),
    "tomba/linkedin_finder": (["tomba/email-finder"], ("data.email", "{}@example.com"), ["data.position"]),
    "tomba/author_finder": (["tomba/author-finder"], ("data.email", "{}@example.com"), ["data.company"]),
    "tomba/domain_search": (["tomba/domain-search"], ("data.organization.organization", "{} " + TEXT), []),
    "tomba/phone_finder": (["tomba/phone-finder"], ("data.e164_format", "+1{}"), []),
    "tomba/phone_validator": (["tomba/phone-validator"], ("data.e164_format", "+1{}"), []),
    "tomba/data_": ([f"tomba/{name}" for name in LOOK_UPS], None, []),
    "tomba/error_body": ([f"tomba/{name}" for name in LOOK_UPS], None, []),
}


class Sample:
    """A documented body on one of its routes."""

    def __init__(self, name, route, text, mark, texts):
        self.name = name
        self.path = f"/webhooks/{route}"
        self.text = text
        self.mark = mark
        self.texts = texts

    def body(self, mark):
        """The body as a value, with a mark that no other delivery has."""
        value = json.loads(self.text)
        if self.mark:
            place(value, self.mark[0], self.mark[1].format(mark))
        for path in self.texts:
            place(value, path, TEXT)
        return value

    def target(self):
        """The path with the token, where the provider puts it there."""
        return f"{self.path}?token={TOKEN}" if self.path.split("/")[-1] in LOOK_UPS else self.path

    def headers(self):
        return {"x-webhook-token": TOKEN} if self.path.endswith("/save-lead") else {}


def place(value, path, new):
    *parents, last = path.split(".")
    for key in parents:
        value = value[key]
    value[last] = new


def samples():
    """Every documented body of the repository, on every route that it can come by."""
    found = {}
    for directory in [ROOT / "src" / "samples", ROOT / "tests" / "payloads"]:
        for file in sorted(directory.glob("*/*.json")):
            found[f"{file.parent.name}/{file.stem}"] = file.read_text()
    result = []
    for name, text in found.items():
        fits = [entry for start, entry in TABLE.items() if name.startswith(start)]
        if len(fits) != 1:
            raise SystemExit(f"the sample {name} needs a row in the table of {__file__}")
        routes, mark, texts = fits[0]
        result += [Sample(name, route, text, mark, texts) for route in routes]
    return result


class Job:
    """One request that a client makes, and what must come of it."""

    def __init__(self, kind, request, statuses, sample=None, mark=None, repeated=False):
        self.kind = kind
        self.request = request
        self.statuses = statuses
        self.sample = sample
        self.mark = mark
        self.repeated = repeated
        self.past_drain = False

    @property
    def good(self):
        return self.sample is not None


def jobs(all_samples, limit, tag, abilities):
    """The requests of one client on one path: good ones, each followed by a bad one.

    A client may have the abilities `chunked`, to send a body without its length, and `late`, to send
    it some time after the head.
    """
    good = list(good_jobs(all_samples, limit, tag, abilities))
    bad = list(bad_jobs(all_samples, limit, tag, abilities))
    mixed = []
    for index in range(max(len(good), len(bad))):
        mixed += good[index : index + 1] + bad[index : index + 1]
    mixed.append(good_job("last", all_samples[0], f"{tag}last"))
    for number, job in enumerate(mixed):
        job.request["id"] = number
    return mixed


def good_job(kind, sample, mark, repeated=False, **options):
    request = {"target": sample.target(), "headers": sample.headers(), "body": sample.body(mark)}
    if sample.path in SIGNATURES:
        request["sign"] = dict(zip(("header", "prefix", "secret"), SIGNATURES[sample.path]))
    return Job(kind, request | options, {200}, sample, mark, repeated)


def good_jobs(all_samples, limit, tag, abilities):
    for number, sample in enumerate(all_samples):
        yield good_job(f"{sample.name} to {sample.path}", sample, f"{tag}{number}")
    # By its id: Perl writes the same value in another order of keys each time.
    for kind, repeated in [("first of two", False), ("duplicate", True)]:
        yield good_job(kind, first(all_samples, "graphoid"), f"{tag}two", repeated)
    yield good_job("exactly the limit", first(all_samples, "scoreapp"), f"{tag}full", pad_to=limit)
    for name, options in framings(abilities, late=True):
        sample = first(all_samples, "graphoid")
        yield good_job(f"late{name}", sample, f"{tag}late{len(options)}", **options)


def framings(abilities, late=False):
    """The ways in which a client can send a body."""
    if late and "late" not in abilities:
        return
    options = {"pause": 0.3} if late else {}
    yield "", options
    if "chunked" in abilities:
        yield ", chunked", options | {"chunked": True}


def first(all_samples, start):
    return next(sample for sample in all_samples if sample.name.startswith(start))


def bad_jobs(all_samples, limit, tag, abilities):
    graphoid, scoreapp = first(all_samples, "graphoid"), first(all_samples, "scoreapp")
    verifier, lead = first(all_samples, "tomba/email_verifier"), first(all_samples, "tomba/save_lead")
    number = 0

    def bad(kind, statuses, sample=graphoid, secret=None, remove=(), **options):
        nonlocal number
        number += 1
        request = good_job(kind, sample, f"{tag}bad{number}", **options).request
        if secret:
            request["sign"]["secret"] = secret
        for key in remove:
            request.pop(key)
        return Job(kind, request, statuses)

    unsigned = {"remove": ("sign",)}
    forged = {"secret": "not the secret"}

    yield bad("unsigned", {401}, **unsigned)
    yield bad("forged", {401}, scoreapp, **forged)
    malformed = {"headers": {"x-graphoid-signature": "sha256=0123"}}
    yield bad("malformed signature", {401}, **unsigned, **malformed)
    yield bad("no token in the query", {401}, verifier, target=verifier.path)
    yield bad("wrong token in the query", {401}, verifier, target=f"{verifier.path}?token=x")
    yield bad("no token in the header", {401}, lead, headers={})
    yield bad("gzip", {415}, headers={"content-encoding": "gzip"})
    yield bad("not JSON", {400}, text="lead=won&id=1")
    yield bad("no id", {422}, body={"event": "lead.won", "data": {"lead": {"name": "Acme"}}})
    yield bad("unsigned again", {401}, scoreapp, **unsigned)

    for name, options in framings(abilities):
        for extra in [1, 5_000, 2 * 1024 * 1024]:
            size = options | {"pad_to": limit + extra}
            for job in [
                bad(f"limit + {extra}{name}", {413}, **size),
                bad(f"unsigned, limit + {extra}{name}", {401}, **unsigned, **size),
            ]:
                if extra > DRAINED:
                    # The rejected request itself may break; the next one must not.
                    job.past_drain = True
                    job.statuses = {*job.statuses, 502, None}
                yield job
        yield bad(f"unsigned, large{name}", {401}, **unsigned, **options, pad_to=limit // 2)
        yield bad(f"forged, large{name}", {401}, **forged, **options, pad_to=limit // 2)

    for name, options in framings(abilities, late=True):
        yield bad(f"late, unsigned{name}", {401}, **unsigned, **options)
        yield bad(f"late, unsigned, large{name}", {401}, **unsigned, **options, pad_to=limit // 2)
        yield bad(f"late, forged{name}", {401}, scoreapp, **forged, **options)
        yield bad(f"late, no token{name}", {401}, verifier, target=verifier.path, **options)
        yield bad(f"late, gzip{name}", {415}, headers={"content-encoding": "gzip"}, **options)
        yield bad(f"late, limit + 1{name}", {413}, **options, pad_to=limit + 1)


def encode(request):
    """A job's request as our own client sends it: its target, headers and body."""
    text = request.get("text") or json.dumps(request["body"], ensure_ascii=False, separators=(",", ":"))
    body = text.encode().ljust(request.get("pad_to", 0))
    headers = request["headers"]
    if sign := request.get("sign"):
        headers = headers | signature(request["target"], body, sign["secret"])
    return request["target"], headers, body
