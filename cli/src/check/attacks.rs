//! The promises that an endpoint must keep, and the requests that try them.

use std::{io::Write, thread, time::Duration};

use flate2::{Compression, write::GzEncoder};

use super::requests::{Came, Endpoint};
use crate::{
    json::{self, Escapes, Node, Style},
    net::add_body,
    provider::Kind,
};

/// What came if the promise holds, or what came instead.
type Verdict = Result<String, String>;

pub(super) struct Promise {
    pub(super) slug: &'static str,
    pub(super) sends: &'static str,
    pub(super) wants: &'static str,
    pub(super) reason: &'static str,
    /// The promise concerns a provider that signs nothing, too.
    pub(super) for_tokens: bool,
    /// Nothing that is sent can be handled.
    pub(super) only_bad: bool,
    pub(super) attack: fn(&mut Endpoint) -> Verdict,
}

pub(super) const PROMISES: [Promise; 16] = [
    Promise {
        slug: "good",
        sends: "a sample, the header in mixed case and in lower case",
        wants: "2xx",
        reason: "Header names have no case: proxies and HTTP/2 write them in lower case.",
        for_tokens: true,
        only_bad: false,
        attack: good,
    },
    Promise {
        slug: "forged",
        sends: "credentials of another key, changed, truncated, extended, empty, and of an empty body",
        wants: "4xx",
        reason: "Anyone can send requests to your endpoint.",
        for_tokens: true,
        only_bad: true,
        attack: forged,
    },
    Promise {
        slug: "unsigned",
        sends: "no signature or token",
        wants: "4xx",
        reason: "A check that is skipped without the header protects nothing.",
        for_tokens: true,
        only_bad: true,
        attack: unsigned,
    },
    Promise {
        slug: "duplicate-header",
        sends: "the header twice, with a good and a bad value in both orders",
        wants: "4xx",
        reason: "A proxy may have checked the other value.",
        for_tokens: true,
        only_bad: true,
        attack: duplicate_header,
    },
    Promise {
        slug: "comma-joined",
        sends: "a good and a bad value in one header, in both orders",
        wants: "4xx",
        reason: "Proxies join headers that appear twice.",
        for_tokens: true,
        only_bad: true,
        attack: comma_joined,
    },
    Promise {
        slug: "wrong-prefix",
        sends: "the right digits after a prefix other than the documented one",
        wants: "4xx",
        reason: "A request that chooses its format may choose a weaker algorithm.",
        for_tokens: false,
        only_bad: true,
        attack: wrong_prefix,
    },
    Promise {
        slug: "changed-body",
        sends: "a signed body with another value, and with more white space",
        wants: "4xx",
        reason: "If white space may change, the signature was computed over parsed JSON and not over the body.",
        for_tokens: false,
        only_bad: true,
        attack: changed_body,
    },
    Promise {
        slug: "respelled",
        sends: "JSON that is indented, escaped, raw, and with a final newline, each signed as sent",
        wants: "2xx",
        reason: "The signature covers the raw bytes, not what a JSON library writes.",
        for_tokens: false,
        only_bad: false,
        attack: respelled,
    },
    Promise {
        slug: "duplicate",
        sends: "the same delivery twice",
        wants: "2xx",
        reason: "A provider that retries also sends a handled event again if the response was lost. An error would keep it retrying.",
        for_tokens: true,
        only_bad: false,
        attack: duplicate,
    },
    Promise {
        slug: "unknown-event",
        sends: "an event with a new name",
        wants: "2xx",
        reason: "A provider can add events, and Graphoid disables endpoints that fail too often.",
        for_tokens: false,
        only_bad: false,
        attack: unknown_event,
    },
    Promise {
        slug: "limit",
        sends: "8 MiB, signed, with and without Content-Length",
        wants: "413 or a closed connection",
        reason: "Without a limit, one request can take all memory.",
        for_tokens: true,
        only_bad: true,
        attack: limit,
    },
    Promise {
        slug: "chunked",
        sends: "a body in odd chunks",
        wants: "2xx",
        reason: "A proxy may pass the body on without a Content-Length.",
        for_tokens: true,
        only_bad: false,
        attack: chunked,
    },
    Promise {
        slug: "slow",
        sends: "a body with pauses of half a second",
        wants: "2xx",
        reason: "A body arrives in several packets, and the first is not the whole.",
        for_tokens: true,
        only_bad: false,
        attack: slow,
    },
    Promise {
        slug: "concurrent",
        sends: "eight different bodies at once, three times",
        wants: "2xx for each",
        reason: "State that requests share, such as a buffer or a hash, mixes up their bodies.",
        for_tokens: true,
        only_bad: false,
        attack: concurrent,
    },
    Promise {
        slug: "compressed",
        sends: "gzip with Content-Encoding, signed over the inflated bytes",
        wants: "4xx",
        reason: "Bytes that were inflated before the check are not the bytes that were sent.",
        for_tokens: false,
        only_bad: true,
        attack: compressed,
    },
    Promise {
        slug: "next-request",
        sends: "a rejected request and then a good one on the same connection",
        wants: "2xx, unless the first response announced that the connection closes",
        reason: "The rest of a rejected body must not be taken for the next request.",
        for_tokens: true,
        only_bad: false,
        attack: next_request,
    },
];

fn is_accepted(came: Came) -> bool {
    matches!(came, Came::Status(200..300))
}

/// Returns whether a request was rejected. A redirect, a failure and a closed connection are no rejection.
fn is_rejected(came: Came) -> bool {
    matches!(came, Came::Status(400..500))
}

/// Judges what came for each request, which has a name.
fn judge(results: Vec<(&str, Came)>, holds: fn(Came) -> bool) -> Verdict {
    let broken: Vec<String> = results
        .iter()
        .filter(|(_, came)| !holds(*came))
        .map(|(name, came)| format!("{came} for {name}"))
        .collect();
    if broken.is_empty() {
        let mut came: Vec<String> = results.iter().map(|(_, came)| came.to_string()).collect();
        came.sort();
        came.dedup();
        Ok(came.join(", "))
    } else {
        Err(broken.join(", "))
    }
}

fn good(endpoint: &mut Endpoint) -> Verdict {
    let as_documented = endpoint.body();
    let in_lower_case = endpoint.body();
    let lower = (
        endpoint.kind.header().into(),
        endpoint.credential(&in_lower_case),
    );
    judge(
        vec![
            (
                "the documented header",
                endpoint.post_signed(&as_documented),
            ),
            (
                "the header in lower case",
                endpoint.post(&vec![lower], &in_lower_case),
            ),
        ],
        is_accepted,
    )
}

/// Changes the byte at an index to another digit.
fn changed(value: &[u8], index: usize) -> Vec<u8> {
    let mut value = value.to_vec();
    if let Some(byte) = value.get_mut(index) {
        *byte = if *byte == b'0' { b'1' } else { b'0' };
    }
    value
}

fn forged(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    let good = endpoint.credential(&body);
    let first = good
        .iter()
        .position(|&byte| byte == b'=')
        .map_or(0, |at| at + 1);
    let last = good.len().saturating_sub(1);
    let mut values = vec![
        ("a changed first digit", changed(&good, first)),
        ("a changed last digit", changed(&good, last)),
        (
            "a truncated value",
            good.iter().take(last).copied().collect(),
        ),
        ("an extended value", [good.as_slice(), b"0"].concat()),
        ("an empty value", Vec::new()),
    ];
    if endpoint.kind.is_signed() {
        values.push(("another key", endpoint.foreign_credential(&body)));
        values.push(("the signature of an empty body", endpoint.credential(b"")));
    } else {
        values.push(("another token", b"leadhook-check-forged".to_vec()));
    }
    let post =
        |(name, value): (_, Vec<u8>)| (name, endpoint.post(&vec![endpoint.header(&value)], &body));
    judge(values.into_iter().map(post).collect(), is_rejected)
}

fn unsigned(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    judge(
        vec![("no header", endpoint.post(&Vec::new(), &body))],
        is_rejected,
    )
}

/// Returns a body, its credential, and a wrong one of the same form.
fn good_and_bad(endpoint: &Endpoint) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let body = endpoint.body();
    let good = endpoint.credential(&body);
    let bad = changed(&good, good.len().saturating_sub(1));
    (body, good, bad)
}

fn duplicate_header(endpoint: &mut Endpoint) -> Verdict {
    let (body, good, bad) = good_and_bad(endpoint);
    let post = |values: [&[u8]; 2]| {
        endpoint.post(&values.map(|value| endpoint.header(value)).to_vec(), &body)
    };
    judge(
        vec![
            ("good before bad", post([&good, &bad])),
            ("bad before good", post([&bad, &good])),
        ],
        is_rejected,
    )
}

fn comma_joined(endpoint: &mut Endpoint) -> Verdict {
    let (body, good, bad) = good_and_bad(endpoint);
    let post =
        |values: [&[u8]; 2]| endpoint.post(&vec![endpoint.header(&values.join(&b", "[..]))], &body);
    judge(
        vec![
            ("good before bad", post([&good, &bad])),
            ("bad before good", post([&bad, &good])),
        ],
        is_rejected,
    )
}

fn wrong_prefix(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    let good = endpoint.credential(&body);
    let digits = good.strip_prefix(b"sha256=").unwrap_or(&good);
    let prefixes: &[(&str, &str)] = if endpoint.kind == Kind::Graphoid {
        &[
            ("no prefix", ""),
            ("sha1=", "sha1="),
            ("SHA256=", "SHA256="),
            ("xxx=", "xxx="),
        ]
    } else {
        &[("sha256=", "sha256="), ("xxx=", "xxx=")]
    };
    let post = |&(name, prefix): &(_, &str)| {
        let value = [prefix.as_bytes(), digits].concat();
        (name, endpoint.post(&vec![endpoint.header(&value)], &body))
    };
    judge(prefixes.iter().map(post).collect(), is_rejected)
}

fn changed_body(endpoint: &mut Endpoint) -> Verdict {
    let node = endpoint.fresh();
    let body = node.to_bytes();
    let header = vec![endpoint.header(&endpoint.credential(&body))];
    let mut other = node.clone();
    let _ = other.set("leadhook_check", Node::Text(json::text("changed")));
    let spaced = Style {
        comma: ", ",
        colon: ": ",
        ..Style::COMPACT
    }
    .write(&node, usize::MAX);
    judge(
        vec![
            ("another value", endpoint.post(&header, &other.to_bytes())),
            (
                "more white space",
                endpoint.post(&header, &spaced.unwrap_or_default()),
            ),
        ],
        is_rejected,
    )
}

fn respelled(endpoint: &mut Endpoint) -> Verdict {
    let indented = Style {
        colon: ": ",
        indent: Some("  "),
        ..Style::COMPACT
    };
    let escaped = Style {
        escape_slash: true,
        escapes: Escapes::Lower,
        ..Style::COMPACT
    };
    let spellings = [
        ("indented JSON", indented, ""),
        ("escaped JSON", escaped, ""),
        ("raw UTF-8", Style::COMPACT, ""),
        ("a final newline", Style::COMPACT, "\n"),
    ];
    let post = |(name, style, end): (_, Style, &str)| {
        let mut node = endpoint.fresh();
        let _ = node.set("leadhook_note", Node::Text(json::text("Zoë / 日本 😀")));
        let mut body = style.write(&node, usize::MAX).unwrap_or_default();
        body.extend_from_slice(end.as_bytes());
        (name, endpoint.post_signed(&body))
    };
    judge(spellings.into_iter().map(post).collect(), is_accepted)
}

fn duplicate(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    let first = endpoint.post_signed(&body);
    judge(
        vec![
            ("the first", first),
            ("the second", endpoint.post_signed(&body)),
        ],
        is_accepted,
    )
}

fn unknown_event(endpoint: &mut Endpoint) -> Verdict {
    let mut node = endpoint.fresh();
    let (key, name) = match endpoint.kind {
        Kind::ScoreApp => ("event_name", "LEADHOOK_CHECK"),
        _ => ("event", "leadhook.check"),
    };
    let _ = node.set(key, Node::Text(json::text(name)));
    judge(
        vec![("the event", endpoint.post_signed(&node.to_bytes()))],
        is_accepted,
    )
}

fn limit(endpoint: &mut Endpoint) -> Verdict {
    let mut body = endpoint.body();
    body.resize(8 * 1024 * 1024, b' ');
    let header = vec![endpoint.header(&endpoint.credential(&body))];
    let with_length = endpoint.post(&header, &body);
    let request = chunked_request(endpoint, &body, &[64 * 1024]);
    let chunked = Came::of(endpoint.exchange(&[&request], Duration::ZERO));
    judge(
        vec![("Content-Length", with_length), ("chunks", chunked)],
        |came| matches!(came, Came::Status(413) | Came::Closed),
    )
}

/// Returns an authentic request whose body is sent in chunks of these sizes, over and over.
fn chunked_request(endpoint: &Endpoint, body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let header = vec![endpoint.header(&endpoint.credential(body))];
    let mut request = endpoint.head(&header);
    request.extend_from_slice(b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut rest = body;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (chunk, after) = rest.split_at(size);
        // Writing to memory can't fail.
        let _ = write!(request, "{size:x}\r\n");
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
        rest = after;
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn chunked(endpoint: &mut Endpoint) -> Verdict {
    let request = chunked_request(endpoint, &endpoint.body(), &[1, 7, 2, 31]);
    let came = Came::of(endpoint.exchange(&[&request], Duration::ZERO));
    judge(vec![("the chunks", came)], is_accepted)
}

fn slow(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    let mut request = endpoint.head(&vec![endpoint.header(&endpoint.credential(&body))]);
    request.extend_from_slice(b"connection: close\r\n");
    add_body(&mut request, &body);
    let (start, end) = request.split_at(request.len().saturating_sub(body.len() / 2));
    let (head, middle) = start.split_at(start.len().saturating_sub(body.len() / 4));
    let came = Came::of(endpoint.exchange(&[head, middle, end], Duration::from_millis(500)));
    judge(vec![("the body", came)], is_accepted)
}

fn concurrent(endpoint: &mut Endpoint) -> Verdict {
    let endpoint = &*endpoint;
    let mut results = Vec::new();
    for _ in 0..3 {
        let came: Vec<Came> = thread::scope(|scope| {
            let post = |_| scope.spawn(|| endpoint.post_signed(&endpoint.body()));
            let posts: Vec<_> = (0..8).map(post).collect();
            posts
                .into_iter()
                .map(|post| post.join().unwrap_or(Came::Closed))
                .collect()
        });
        results.extend(came.into_iter().map(|came| ("one of eight", came)));
    }
    judge(results, is_accepted)
}

fn compressed(endpoint: &mut Endpoint) -> Verdict {
    let body = endpoint.body();
    let headers = vec![
        endpoint.header(&endpoint.credential(&body)),
        ("content-encoding".into(), b"gzip".to_vec()),
    ];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory can't fail.
    let _ = encoder.write_all(&body);
    let came = endpoint.post(&headers, &encoder.finish().unwrap_or_default());
    judge(vec![("gzip", came)], is_rejected)
}

fn next_request(endpoint: &mut Endpoint) -> Verdict {
    let (body, good, bad) = good_and_bad(endpoint);
    let request = |value: &[u8]| {
        let mut request = endpoint.head(&vec![endpoint.header(value)]);
        add_body(&mut request, &body);
        request
    };
    let came = endpoint.exchange_twice(&request(&bad), &request(&good));
    match came {
        Ok(None) => Ok("an announced close".into()),
        Ok(Some(response)) => judge(
            vec![("the good one", Came::Status(response.status))],
            is_accepted,
        ),
        Err(error) => Err(format!("{} for the good one", Came::of(Err(error)))),
    }
}
