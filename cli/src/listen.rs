//! `leadhook listen`

mod save;

use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use leadhook::{Rejection, RejectionKind, Secret, VerifyError};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    failure::Failure,
    net::Target,
    provider::{Kind, TOKEN_PARAMETER},
    terminal::{GREEN, YELLOW, paint, plain},
    why::percent_decode,
};

const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The part of a too large body that is read and thrown away, so that the client sees the response.
const DISCARD_LIMIT: usize = 16 * 1024 * 1024;

const BODY_TIME: Duration = Duration::from_secs(30);

/// Headers of a connection, which are not passed on.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
];

/// Receive deliveries, verify them, and print each as one line
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Serves all providers whose secret is set: GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET,
SCOREAPP_WEBHOOK_SECRET, TOMBA_WEBHOOK_TOKEN (in the header x-webhook-token or the parameter token).
For a Tomba lookup, end the path with its name, such as /email-verifier.

A tunnel's URL goes here, by the providers' documentation:
  Grader.io   Integrations → Webhooks → Create New Webhook
  Graphoid    Settings → Developer → Webhooks → Add Endpoint
  ScoreApp    Integrate → Webhooks → Connect
  Tomba       the webhook's notification URL; for lookups, the parameter webhook_url of the API call

Exit status: 64 usage error, 69 the address can't be used

Example: SCOREAPP_WEBHOOK_SECRET=12345 leadhook listen --save deliveries --forward http://127.0.0.1:3000/hook")]
pub(crate) struct Arguments {
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Serve this provider only
    #[arg(long, value_enum)]
    provider: Option<Kind>,
    /// Save each delivery in a directory of its own
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Save and print no personal value
    #[arg(long)]
    redact: bool,
    /// Pass each request on to the application, and return its status
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Respond to authentic deliveries with this status, such as 503 to see whether the provider retries
    #[arg(long, conflicts_with = "forward", value_parser = clap::value_parser!(u16).range(200..600))]
    status: Option<u16>,
}

struct Listener {
    secrets: Vec<(Kind, Secret)>,
    forward: Option<Target>,
    status: u16,
    save: Option<PathBuf>,
    redact: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let mut secrets = Vec::new();
        for kind in Kind::PROVIDERS {
            let is_wanted = self
                .provider
                .is_none_or(|wanted| wanted.name() == kind.name());
            if is_wanted && (self.provider.is_some() || std::env::var_os(kind.variable()).is_some())
            {
                let kind = self.provider.unwrap_or(kind);
                secrets.push((kind, Secret::from_env(kind.variable())?));
            }
        }
        if secrets.is_empty() {
            let variables = Kind::PROVIDERS.map(Kind::variable).join(", ");
            return Err(Failure::Usage(format!(
                "no secret is set; set one of {variables}"
            )));
        }
        if let Some(directory) = &self.save {
            std::fs::create_dir_all(directory)
                .map_err(|error| Failure::File(directory.display().to_string(), error))?;
        }
        let forward = self.forward.as_deref().map(Target::parse).transpose()?;
        if forward.is_none() && self.status.is_none() {
            writeln!(
                io::stderr(),
                "leadhook: a 200 tells the provider that the delivery was handled; use --forward to handle \
                 deliveries, or --status 503 to see whether the provider retries"
            )?;
        }
        let listener = Listener {
            secrets,
            forward,
            status: self.status.unwrap_or(200),
            save: self.save,
            redact: self.redact,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(serve(self.listen, Arc::new(listener)))
    }
}

async fn serve(address: SocketAddr, listener: Arc<Listener>) -> Result<u8, Failure> {
    let unusable = |error| Failure::Unreachable(address.to_string(), error);
    let socket = TcpListener::bind(address).await.map_err(unusable)?;
    let address = socket.local_addr().map_err(unusable)?;
    writeln!(io::stdout(), "listening on http://{address}")?;
    loop {
        let Ok((connection, _)) = socket.accept().await else {
            // Out of file descriptors: some connection will end.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let listener = Arc::clone(&listener);
        let service = service_fn(move |request| {
            let listener = Arc::clone(&listener);
            async move { Ok::<_, Infallible>(listener.respond(request).await) }
        });
        tokio::spawn(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(BODY_TIME)
                .serve_connection(TokioIo::new(connection), service),
        );
    }
}

/// The result of a request: what is responded, printed and saved.
struct Outcome {
    status: u16,
    text: String,
    must_close: bool,
}

impl Outcome {
    fn rejected(kind: RejectionKind) -> Self {
        let rejection = Rejection::from(kind);
        Self {
            status: rejection.status(),
            text: rejection.to_string(),
            must_close: false,
        }
    }
}

impl Listener {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = tokio::time::timeout(BODY_TIME, collect(body)).await;
        let kind = self.recognize(&head.headers, head.uri.path(), head.uri.query());
        let outcome = match body {
            Ok(Ok(body)) => self.receive(kind, &head, body).await,
            Ok(Err(outcome)) => outcome,
            Err(_) => Outcome {
                must_close: true,
                ..Outcome::rejected(RejectionKind::BodyIncomplete)
            },
        };
        let name = kind.map_or("unknown", |(kind, _)| kind.name());
        let status = if outcome.status < 300 { GREEN } else { YELLOW };
        let status = paint(&outcome.status.to_string(), status);
        let time = DateTime::<Utc>::from(SystemTime::now()).format("%H:%M:%S");
        let text = plain(&outcome.text).replace('\n', " ");
        // The response matters more than the line about it.
        let _ = writeln!(io::stdout(), "{time}  {status}  {name:<8}  {text}");
        let mut response = Response::new(Full::default());
        *response.status_mut() = hyper::StatusCode::from_u16(outcome.status)
            .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        if outcome.must_close {
            let close = header::HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    /// Returns the provider of a request by its header, its path or its token.
    fn recognize(
        &self,
        headers: &HeaderMap,
        path: &str,
        query: Option<&str>,
    ) -> Option<(Kind, &Secret)> {
        let has_token = query.is_some_and(|query| !tokens(query).is_empty());
        let by_header =
            |kind: Kind| headers.contains_key(kind.header()) || (!kind.is_signed() && has_token);
        let find = |test: &dyn Fn(Kind) -> bool| self.secrets.iter().find(|(kind, _)| test(*kind));
        let only = || self.secrets.first().filter(|_| self.secrets.len() == 1);
        let (kind, secret) = find(&by_header)
            .or_else(|| find(&|kind| path.contains(kind.name())))
            .or_else(only)?;
        let lookup = path.rsplit('/').next().unwrap_or_default();
        let lookup = Kind::from_str(&format!("tomba/{lookup}"), false).ok();
        let kind = lookup.filter(|_| *kind == Kind::Tomba).unwrap_or(*kind);
        Some((kind, secret))
    }

    async fn receive(
        &self,
        kind: Option<(Kind, &Secret)>,
        head: &hyper::http::request::Parts,
        body: Bytes,
    ) -> Outcome {
        let outcome = self.verify(kind, head, &body);
        let mut outcome = match &self.forward {
            Some(target) => {
                let status = forward(target, head, body.clone()).await;
                let text = match status {
                    Ok(_) => outcome.text,
                    Err(ref error) => {
                        format!("{}; the application did not respond: {error}", outcome.text)
                    }
                };
                Outcome {
                    status: status.unwrap_or(502),
                    text,
                    must_close: false,
                }
            }
            None => outcome,
        };
        if let Some(directory) = &self.save {
            let kind = kind.map(|(kind, _)| kind);
            let saved = save::save(
                directory,
                kind,
                outcome.status,
                &head.headers,
                &body,
                self.redact,
            );
            let text = match saved {
                Ok(path) => format!("  saved in {}", path.display()),
                Err(error) => format!("  not saved: {error}"),
            };
            outcome.text.push_str(&text);
        }
        outcome
    }

    fn verify(
        &self,
        kind: Option<(Kind, &Secret)>,
        head: &hyper::http::request::Parts,
        body: &Bytes,
    ) -> Outcome {
        let Some((kind, secret)) = kind else {
            return Outcome::rejected(VerifyError::MissingSignature.into());
        };
        let is_encoded =
            |value: &header::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if head
            .headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(is_encoded)
        {
            return Outcome::rejected(RejectionKind::UnsupportedEncoding);
        }
        let mut values: Vec<Vec<u8>> = head
            .headers
            .get_all(kind.header())
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect();
        if !kind.is_signed() && values.is_empty() {
            values = tokens(head.uri.query().unwrap_or_default());
        }
        match kind.read(secret, &values, body.clone()) {
            Ok(report) => Outcome {
                status: self.status,
                text: if self.redact {
                    event(&report)
                } else {
                    event(&report) + &lead(&report)
                },
                must_close: false,
            },
            Err(error) => Outcome::rejected(error),
        }
    }
}

/// Returns the values of the token's parameter.
fn tokens(query: &str) -> Vec<Vec<u8>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| *name == TOKEN_PARAMETER)
        .map(|(_, value)| percent_decode(value.as_bytes(), true))
        .collect()
}

fn event(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let name = report
        .get("event")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_known = report.get("known") == Some(&Value::Bool(true));
    let unread = report
        .get("unread")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let mut text = name.to_owned();
    if !is_known {
        text.push_str(" (unknown event)");
    }
    if unread > 0 {
        text = format!("{text} ({unread} unread)");
    }
    text
}

fn lead(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let field = |name| report.get("lead")?.get(name)?.as_str();
    let fields: Vec<&str> = ["full_name", "email", "company", "phone"]
        .into_iter()
        .filter_map(field)
        .collect();
    match fields.as_slice() {
        [] => "  no lead".into(),
        fields => format!("  {}", fields.join(", ")),
    }
}

/// Collects a body up to the limit. A larger one is read and thrown away.
async fn collect(mut body: Incoming) -> Result<Bytes, Outcome> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Outcome::rejected(RejectionKind::BodyIncomplete));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&data);
        } else if length > DISCARD_LIMIT {
            break;
        }
    }
    if length > BODY_LIMIT {
        return Err(Outcome {
            must_close: length > DISCARD_LIMIT,
            ..Outcome::rejected(RejectionKind::BodyTooLarge)
        });
    }
    Ok(bytes.into())
}

/// Passes a request on, byte for byte, and returns the status.
async fn forward(
    target: &Target,
    head: &hyper::http::request::Parts,
    body: Bytes,
) -> io::Result<u16> {
    let target = target.clone().with_query(head.uri.query());
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in &head.headers {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            headers.push((name.as_str().into(), value.as_bytes().to_vec()));
        }
    }
    let send = move || target.send(&headers, &body, BODY_TIME);
    let response = tokio::task::spawn_blocking(send)
        .await
        .map_err(io::Error::other)??;
    Ok(response.status)
}
