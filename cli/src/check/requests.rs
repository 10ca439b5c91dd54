//! The requests of `check`: bodies that were never sent before, with a credential.

use std::{
    io::{self, ErrorKind},
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use leadhook::Secret;

use super::{REQUEST_LIMIT, TIME_LIMIT};
use crate::{
    failure::Failure,
    json::{self, Node},
    net::{Connection, Response, Target, add_body, add_headers},
    provider::{Kind, TOKEN_PARAMETER},
};

const EMAIL: &str = "leadhook-check@example.com";

pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// What came back: a status, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Came {
    Status(u16),
    Closed,
    TimedOut,
}

impl Came {
    pub(super) fn of(result: io::Result<Response>) -> Self {
        match result {
            Ok(response) => Self::Status(response.status),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Self::TimedOut
            }
            Err(_) => Self::Closed,
        }
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Closed => f.write_str("a closed connection"),
            Self::TimedOut => f.write_str("no response in time"),
        }
    }
}

pub(super) struct Endpoint {
    pub(super) target: Target,
    pub(super) kind: Kind,
    secret: Secret,
    token: String,
    sample: Node,
    run: u128,
    sent: AtomicUsize,
    made: AtomicUsize,
    responded: AtomicUsize,
    /// How many requests in a row had no response in time.
    timed_out: AtomicUsize,
    last_error: std::sync::Mutex<Option<io::Error>>,
}

impl Endpoint {
    pub(super) fn new(target: Target, kind: Kind, secret: Secret, token: String) -> Self {
        let lookup = format!("{kind:?}").to_ascii_lowercase();
        let samples = kind.samples();
        let sample = samples
            .iter()
            .find(|(name, _)| name.replace('-', "") == lookup)
            .or_else(|| samples.iter().find(|(_, body)| body.contains('@')))
            .or_else(|| samples.first())
            .and_then(|(_, body)| json::parse(body.as_bytes()));
        let mut sample = sample.unwrap_or(Node::Object(Vec::new()));
        replace_addresses(&mut sample);
        let run = SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |time| time.as_millis());
        Self {
            target,
            kind,
            secret,
            token,
            sample,
            run,
            sent: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            responded: AtomicUsize::new(0),
            timed_out: AtomicUsize::new(0),
            last_error: std::sync::Mutex::new(None),
        }
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Returns the error if nothing has responded so far, or nothing responds any more.
    pub(super) fn unreachable(&self) -> Option<Failure> {
        if self.responded.load(Ordering::Relaxed) > 0 && !self.hangs() {
            return None;
        }
        let error = self.last_error.lock().ok()?.take()?;
        Some(self.target.unreachable(error))
    }

    /// Returns a body that was never sent before, as JSON that can be changed.
    pub(super) fn fresh(&self) -> Node {
        let mut node = self.sample.clone();
        let id = format!(
            "check-{}-{}",
            self.run,
            self.made.fetch_add(1, Ordering::Relaxed)
        );
        let text = |value: &str| Node::Text(json::text(value));
        if let Node::Object(entries) = &mut node {
            for (key, value) in entries.iter_mut() {
                if json::display(key) == "id" {
                    *value = text(&id);
                }
            }
            entries.push((json::text("leadhook_check"), text(&id)));
        }
        // Providers name what happened twice by the same id, so each body needs its own.
        for path in ["data.lead.id", "data.submission.id"] {
            if self.kind.is_signed() && exists(&node, path) {
                let _ = node.set(path, text(&id));
            }
        }
        node
    }

    pub(super) fn body(&self) -> Vec<u8> {
        self.fresh().to_bytes()
    }

    /// Returns the value that authenticates a body.
    pub(super) fn credential(&self, body: &[u8]) -> Vec<u8> {
        self.kind
            .sign(&self.secret, body)
            .unwrap_or_else(|| self.token.clone())
            .into_bytes()
    }

    /// Returns a signature with another key.
    pub(super) fn foreign_credential(&self, body: &[u8]) -> Vec<u8> {
        let secret = Secret::new("this is not the secret");
        let signature = secret.ok().and_then(|secret| self.kind.sign(&secret, body));
        signature.unwrap_or_default().into_bytes()
    }

    pub(super) fn header(&self, value: &[u8]) -> (String, Vec<u8>) {
        (self.kind.documented_header().into(), value.to_vec())
    }

    /// Returns the target of a request with these headers. A token is sent in the query, too.
    pub(super) fn target_for(&self, headers: &Headers) -> Target {
        let mut target = self.target.clone();
        if !self.kind.is_signed() {
            for (name, value) in headers {
                if name.eq_ignore_ascii_case(self.kind.header()) {
                    target = target.with_parameter(TOKEN_PARAMETER, value);
                }
            }
        }
        target
    }

    fn hangs(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed) >= 3
    }

    fn connect(&self) -> io::Result<Connection> {
        if self.hangs() {
            return Err(ErrorKind::TimedOut.into());
        }
        if self.sent.fetch_add(1, Ordering::Relaxed) >= REQUEST_LIMIT {
            return Err(io::Error::other("the limit of requests is reached"));
        }
        self.note(self.target.connect(TIME_LIMIT))
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                self.timed_out.fetch_add(1, Ordering::Relaxed);
            }
            if let Ok(mut last) = self.last_error.lock() {
                *last = Some(error);
            }
            kind.into()
        })
    }

    /// Writes parts with a pause between them, and reads the response.
    pub(super) fn exchange(
        &self,
        parts: &[&[u8]],
        pause: std::time::Duration,
    ) -> io::Result<Response> {
        let mut connection = self.connect()?;
        let Some((last, first)) = parts.split_last() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        for part in first {
            if connection.write(part).is_err() {
                break;
            }
            std::thread::sleep(pause);
        }
        self.responded(connection.exchange(last))
    }

    fn responded(&self, response: io::Result<Response>) -> io::Result<Response> {
        let response = self.note(response)?;
        self.responded.fetch_add(1, Ordering::Relaxed);
        self.timed_out.store(0, Ordering::Relaxed);
        Ok(response)
    }

    /// Sends two requests on one connection. Returns no response if the first announced the close.
    pub(super) fn exchange_twice(
        &self,
        first: &[u8],
        second: &[u8],
    ) -> io::Result<Option<Response>> {
        let mut connection = self.connect()?;
        let response = self.responded(connection.exchange(first))?;
        if response.closes() {
            return Ok(None);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.responded(connection.exchange(second)).map(Some)
    }

    /// Returns the head of a request up to its own headers.
    pub(super) fn head(&self, headers: &Headers) -> Vec<u8> {
        let mut request = self.target_for(headers).post();
        request.extend_from_slice(b"content-type: application/json\r\n");
        add_headers(&mut request, headers);
        request
    }

    /// Posts a body with these headers on a connection of its own.
    pub(super) fn post(&self, headers: &Headers, body: &[u8]) -> Came {
        let mut request = self.head(headers);
        request.extend_from_slice(b"connection: close\r\n");
        add_body(&mut request, body);
        Came::of(self.exchange(&[&request], std::time::Duration::ZERO))
    }

    /// Posts an authentic body.
    pub(super) fn post_signed(&self, body: &[u8]) -> Came {
        self.post(&vec![self.header(&self.credential(body))], body)
    }
}

fn exists(node: &Node, path: &str) -> bool {
    let found = path.split('.').try_fold(node, |node, part| match node {
        Node::Object(entries) => {
            let key = json::text(part);
            entries
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        }
        _ => None,
    });
    found.is_some()
}

/// Replaces each e-mail address, so that a lead can be recognized and deleted.
fn replace_addresses(node: &mut Node) {
    match node {
        Node::Literal(_) => {}
        Node::Text(text) => {
            if json::display(text).contains('@') {
                *text = json::text(EMAIL);
            }
        }
        Node::List(items) => {
            for item in items {
                replace_addresses(item);
            }
        }
        Node::Object(entries) => {
            for (key, value) in entries {
                if json::display(key) == "email" && matches!(value, Node::Text(_)) {
                    *value = Node::Text(json::text(EMAIL));
                }
                replace_addresses(value);
            }
        }
    }
}
