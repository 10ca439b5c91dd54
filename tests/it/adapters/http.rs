//! The tests that every adapter must pass behind a real server, with a real client, or with a plain
//! socket where the exact bytes matter.
//!
//! The response of a server has the name of the event in the header `x-event` and the delivery's body as
//! its body, or the kind of the rejection in the header `x-kind`.

use std::{future::Future, io::Write, net::SocketAddr, sync::mpsc, thread, time::Duration};

use flate2::{Compression, write::GzEncoder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use crate::cases::{Case, Expected, GRAPHOID, LIMIT, SCOREAPP, Where};

/// Declares a test for every function below, with the server that `$serve` starts.
macro_rules! over_http {
    ($serve:path) => {
        over_http!($serve:
            every_case_has_the_result_of_the_table
            header_names_have_no_case
            a_value_with_nul_is_no_http
            the_header_is_looked_at_before_the_body_is_sent
            the_limit_is_inclusive
            a_body_without_end_is_rejected
            a_body_that_breaks_off_is_rejected
            chunks_of_any_size_are_one_body
            a_rejected_body_is_never_taken_for_a_request
            a_connection_outlives_a_rejected_request
            nothing_is_inflated
            a_signature_in_a_trailer_is_none
            a_thousand_connections_at_once_are_served
        );
    };
    ($serve:path: $($name:ident)*) => {
        /// Returns the address of the server, which the first test starts for all tests.
        fn address() -> std::net::SocketAddr {
            static ADDRESS: std::sync::OnceLock<std::net::SocketAddr> = std::sync::OnceLock::new();
            *ADDRESS.get_or_init(|| $crate::adapters::http::start($serve))
        }

        $(
            #[test]
            fn $name() {
                $crate::adapters::http::run($crate::adapters::http::$name(address()));
            }
        )*
    };
}

pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(120), test).await };
    runtime.block_on(limited).expect("a response never came");
}

/// Starts a server on a new thread and returns its address, which the server sends on the channel.
pub(crate) fn start(serve: fn(mpsc::Sender<SocketAddr>)) -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || serve(sender));
    address.recv().unwrap()
}

#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    event: Option<String>,
    kind: Option<String>,
    /// Returns whether the response announces that the connection closes.
    closes: bool,
    body: Vec<u8>,
}

impl Response {
    /// Returns the result of a case, if it differs from the table.
    fn differs(&self, case: &Case) -> Option<String> {
        let is_right = match &case.expected {
            Expected::Accepted(name) => {
                self.status == 200 && self.event.as_deref() == Some(name) && self.body == case.body
            }
            Expected::Rejected(status, kind) => {
                self.status == *status
                    && self.kind == Some(format!("{kind:?}"))
                    && self.body.is_empty()
            }
        };
        let Self {
            status,
            event,
            kind,
            body,
            ..
        } = self;
        (!is_right).then(|| {
            format!(
                "{}: {status}, event {event:?}, kind {kind:?}, body of {} bytes, but {:?}: {}",
                case.id,
                body.len(),
                case.expected,
                case.reason
            )
        })
    }

    #[track_caller]
    fn must_be_of(&self, case: &Case) {
        assert_eq!(self.differs(case), None);
    }
}

/// A connection on which a test sends exact bytes.
struct Connection {
    reader: OwnedReadHalf,
    writer: Option<OwnedWriteHalf>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        Self {
            reader,
            writer: Some(writer),
            received: Vec::new(),
        }
    }

    /// Sends in the background, because a server may close the connection before it has read everything.
    fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let mut writer = self.writer.take().unwrap();
        let sending = async move {
            let _ = writer.write_all(&bytes).await;
            std::future::pending::<()>().await;
        };
        tokio::spawn(sending);
    }

    /// Sends, and ends the sending direction.
    fn send_and_end(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let mut writer = self.writer.take().unwrap();
        tokio::spawn(async move {
            let _ = writer.write_all(&bytes).await;
            let _ = writer.shutdown().await;
        });
    }

    /// Returns the next response, or `None` if the server has closed the connection.
    async fn response(&mut self) -> Option<Response> {
        let head_end = loop {
            let end = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None if !self.receive().await => {
                    assert!(self.received.is_empty(), "half a response");
                    return None;
                }
                None => {}
            }
        };
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let header = |wanted: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut values = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            values.next().map(|(_, value)| value.to_owned())
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 100 {
            return Box::pin(self.response()).await;
        }
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.received.len() < length {
            assert!(self.receive().await, "half a body");
        }
        Some(Response {
            status,
            event: header("x-event"),
            kind: header("x-kind"),
            closes: header("connection").is_some_and(|value| value == "close"),
            body: self.received.drain(..length).collect(),
        })
    }

    async fn receive(&mut self) -> bool {
        self.reader
            .read_buf(&mut self.received)
            .await
            .is_ok_and(|count| count > 0)
    }
}

/// Sends bytes on a new connection and returns the response.
async fn ask(address: SocketAddr, bytes: impl Into<Vec<u8>>) -> Option<Response> {
    let mut connection = Connection::open(address).await;
    connection.send(bytes);
    connection.response().await
}

/// Returns the head of a request up to the headers that frame its body.
fn head(case: &Case) -> Vec<u8> {
    let query = case
        .query
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let mut head =
        format!("POST {}{query} HTTP/1.1\r\nHost: localhost\r\n", case.path).into_bytes();
    for (name, value) in &case.headers {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    head
}

fn with_length(case: &Case) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n\r\n", case.body.len());
    [&head(case), length.as_bytes(), &case.body].concat()
}

fn in_chunks(case: &Case, size: usize, trailer: &str) -> Vec<u8> {
    let mut request = [&head(case)[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat();
    for chunk in case.body.chunks(size) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend([chunk, b"\r\n"].concat());
    }
    request.extend(format!("0\r\n{trailer}\r\n").bytes());
    request
}

pub(crate) async fn every_case_has_the_result_of_the_table(address: SocketAddr) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in crate::cases::all() {
        if case.at == Where::Core {
            continue;
        }
        count += 1;
        // The server closes the connection of a body over the limit, so the client may see no response.
        let response = if case.body.len() > LIMIT {
            ask(address, with_length(&case)).await.unwrap()
        } else {
            post(&client, address, &case).await
        };
        wrong.extend(response.differs(&case));
    }
    assert!(count > 250, "only {count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn post(client: &reqwest::Client, address: SocketAddr, case: &Case) -> Response {
    let query = case
        .query
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    let response = client
        .post(format!("http://{address}{}{query}", case.path))
        .headers(headers)
        .body(case.body.clone())
        .send()
        .await
        .unwrap_or_else(|error| panic!("{}: {error:?}", case.id));
    let header = |name| {
        let value: &HeaderValue = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    Response {
        status: response.status().as_u16(),
        event: header("x-event"),
        kind: header("x-kind"),
        closes: header("connection").is_some_and(|value| value == "close"),
        body: response.bytes().await.unwrap().into(),
    }
}

fn good() -> Case {
    SCOREAPP.case("good", "it is what the provider sends", SCOREAPP.body)
}

/// Returns a case of the table.
fn of_the_table(id: &str) -> Case {
    crate::cases::all()
        .into_iter()
        .find(|case| case.id == id)
        .unwrap()
}

pub(crate) async fn header_names_have_no_case(address: SocketAddr) {
    for name in [
        "Scoreapp-Signature",
        "SCOREAPP-SIGNATURE",
        "scoreapp-signaturE",
    ] {
        let mut case = good();
        case.headers[0].0 = name;
        ask(address, with_length(&case))
            .await
            .unwrap()
            .must_be_of(&case);

        let unsigned = of_the_table("/scoreapp/unsigned");
        let lower = good().headers.remove(0);
        let mut twice = Case {
            headers: vec![lower, case.headers.remove(0)],
            ..case
        };
        twice.expected = of_the_table("/scoreapp/good-good").expected;
        ask(address, with_length(&twice))
            .await
            .unwrap()
            .must_be_of(&twice);
        ask(address, with_length(&unsigned))
            .await
            .unwrap()
            .must_be_of(&unsigned);
    }
}

pub(crate) async fn a_value_with_nul_is_no_http(address: SocketAddr) {
    for position in [0, 1, 63, 64] {
        let mut case = good();
        case.headers[0].1.insert(position, 0);
        let response = ask(address, with_length(&case)).await.unwrap();
        assert_eq!(
            (response.status, &response.event, &response.kind),
            (400, &None, &None)
        );
    }
}

pub(crate) async fn the_header_is_looked_at_before_the_body_is_sent(address: SocketAddr) {
    for id in [
        "/scoreapp/unsigned",
        "/scoreapp/good-forged",
        "/scoreapp/63-digits",
        "/scoreapp/gzip",
        "/tomba/save-lead/missing",
        "/tomba/save-lead/longer",
        "/tomba/email-verifier/no-query",
        "/tomba/email-verifier/longer",
    ] {
        let case = of_the_table(id);
        for (framing, body) in [
            ("Content-Length: 5", "12345"),
            ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ] {
            let rest = format!("{framing}\r\nExpect: 100-continue\r\n\r\n");
            let mut connection = Connection::open(address).await;
            let writer = connection.writer.as_mut().unwrap();
            writer.write_all(&head(&case)).await.unwrap();
            writer.write_all(rest.as_bytes()).await.unwrap();
            connection.receive().await;
            // actix-web sends `100 Continue` before it calls the application.
            if connection.received.starts_with(b"HTTP/1.1 100 ") {
                connection.send(body);
            }
            connection.response().await.unwrap().must_be_of(&case);
        }
    }
}

pub(crate) async fn the_limit_is_inclusive(address: SocketAddr) {
    for case in [
        of_the_table("/scoreapp/at-the-limit"),
        of_the_table("/scoreapp/over-the-limit"),
    ] {
        for request in [
            with_length(&case),
            in_chunks(&case, 4096, ""),
            in_chunks(&case, LIMIT, ""),
            in_chunks(&case, LIMIT + 1, ""),
        ] {
            ask(address, request).await.unwrap().must_be_of(&case);
        }
    }
}

pub(crate) async fn a_body_without_end_is_rejected(address: SocketAddr) {
    let mut case = of_the_table("/scoreapp/over-the-limit");
    // The body is longer than any adapter reads.
    case.body.resize(4 * 1024 * 1024, b' ');
    let length = format!("Content-Length: {}\r\n\r\n", u64::MAX / 2);
    let with_length = [&head(&case), length.as_bytes(), &case.body].concat();
    let mut chunked = in_chunks(&case, 1000, "");
    chunked.truncate(chunked.len() - "0\r\n\r\n".len());
    for request in [with_length, chunked] {
        let response = ask(address, request).await.unwrap();
        response.must_be_of(&case);
    }
}

pub(crate) async fn a_body_that_breaks_off_is_rejected(address: SocketAddr) {
    let case = good();
    let with_length = with_length(&case);
    let chunked = in_chunks(&case, 50, "");
    for broken in [
        &with_length[..with_length.len() - 1],
        &with_length[..with_length.len() - case.body.len()],
        &chunked[..chunked.len() - 1],
        &chunked[..chunked.len() - "0\r\n\r\n".len()],
        &chunked[..chunked.len() - 60],
    ] {
        let mut connection = Connection::open(address).await;
        connection.send_and_end(broken);
        must_be_broken_off(connection.response().await.as_ref());
    }

    let mut no_chunk = chunked.clone();
    no_chunk.splice(chunked.len() - 5.., *b"z\r\n\r\n");
    must_be_broken_off(ask(address, no_chunk).await.as_ref());
}

#[track_caller]
fn must_be_broken_off(response: Option<&Response>) {
    let response = response.unwrap();
    assert_eq!(
        (response.status, response.kind.as_deref()),
        (400, Some("BodyIncomplete"))
    );
}

pub(crate) async fn chunks_of_any_size_are_one_body(address: SocketAddr) {
    let at_the_limit = of_the_table("/scoreapp/at-the-limit");
    for case in [good(), at_the_limit] {
        for size in [1, 7, 4096] {
            let request = in_chunks(&case, size, "");
            ask(address, request).await.unwrap().must_be_of(&case);
        }
    }
}

/// The body of a rejected request is a request itself, to which the server must never respond. The next
/// request on the connection gets the right response or none.
pub(crate) async fn a_rejected_body_is_never_taken_for_a_request(address: SocketAddr) {
    let mut next = GRAPHOID.case("next", "it is the next request", GRAPHOID.body);
    next.headers.push(("connection", b"close".to_vec()));
    let hidden = with_length(&good());
    let mut rejected = Vec::new();
    for times in [1, 50, 300] {
        for id in [
            "/scoreapp/unsigned",
            "/scoreapp/63-digits",
            "/scoreapp/gzip",
        ] {
            rejected.push(Case {
                body: hidden.repeat(times),
                ..of_the_table(id)
            });
        }
    }
    for id in [
        "/scoreapp/guessed-secret",
        "/scoreapp/form-body",
        "/scoreapp/no-id",
        "/scoreapp/over-the-limit",
    ] {
        rejected.push(of_the_table(id));
    }
    let mut connections = JoinSet::new();
    for case in rejected {
        for request in [with_length(&case), in_chunks(&case, 1000, "")] {
            let request = [request, with_length(&next)].concat();
            connections.spawn(pipeline(address, request, case.clone(), next.clone()));
        }
    }
    let was_served = connections.join_all().await;
    assert!(
        was_served.contains(&true),
        "a connection is never used again"
    );
}

/// A proxy sends its next request on the connection of a rejected request, unless the response announces
/// that the connection closes.
pub(crate) async fn a_connection_outlives_a_rejected_request(address: SocketAddr) {
    let mut connections = JoinSet::new();
    for id in [
        "/scoreapp/unsigned",
        "/scoreapp/63-digits",
        "/scoreapp/gzip",
        "/scoreapp/over-the-limit",
    ] {
        for length in [LIMIT + 1, LIMIT + 5000, LIMIT + 2 * 1024 * 1024] {
            let mut case = of_the_table(id);
            case.body.resize(length, b' ');
            for request in [with_length(&case), in_chunks(&case, 1000, "")] {
                connections.spawn(reject_then_accept(address, case.clone(), request));
            }
        }
    }
    let stayed_open = connections.join_all().await;
    assert!(stayed_open.contains(&true), "no connection is used again");
}

/// Sends a request whose body comes late, and a good request after it on the same connection. Returns
/// whether the server keeps the connection open.
async fn reject_then_accept(address: SocketAddr, rejected: Case, request: Vec<u8>) -> bool {
    let mut connection = Connection::open(address).await;
    let head_length = request.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = request.split_at(head_length.unwrap() + 4);
    let (head, body) = (head.to_vec(), body.to_vec());
    let mut writer = connection.writer.take().unwrap();
    let sending = tokio::spawn(async move {
        writer.write_all(&head).await.unwrap();
        // In this time a server could respond to the head alone.
        tokio::time::sleep(Duration::from_millis(100)).await;
        writer.write_all(&body).await.map(|()| writer)
    });
    let response = connection.response().await.unwrap();
    response.must_be_of(&rejected);
    if response.closes {
        return false;
    }
    connection.writer = Some(sending.await.unwrap().unwrap());
    connection.send(with_length(&good()));
    let response = connection.response().await;
    response.expect(&rejected.id).must_be_of(&good());
    true
}

/// Sends two requests at once, of which the first is rejected. Returns whether the second is served.
async fn pipeline(address: SocketAddr, requests: Vec<u8>, rejected: Case, next: Case) -> bool {
    let mut connection = Connection::open(address).await;
    connection.send(requests);
    connection.response().await.unwrap().must_be_of(&rejected);
    let response = connection.response().await;
    if let Some(response) = &response {
        response.must_be_of(&next);
    }
    assert!(connection.response().await.is_none(), "{}", rejected.id);
    response.is_some()
}

pub(crate) async fn nothing_is_inflated(address: SocketAddr) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(SCOREAPP.body.as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    let rejected = of_the_table("/scoreapp/gzip");

    let wire_signed = Case {
        body: gzip.clone(),
        headers: SCOREAPP.case("", "", &*gzip).headers,
        ..good()
    };
    let inflated_signed = Case {
        body: gzip,
        ..good()
    };
    for case in [wire_signed, inflated_signed] {
        let mut case = Case {
            expected: rejected.expected.clone(),
            ..case
        };
        case.headers.push(("content-encoding", b"gzip".to_vec()));
        ask(address, with_length(&case))
            .await
            .unwrap()
            .must_be_of(&case);
        ask(address, in_chunks(&case, 7, ""))
            .await
            .unwrap()
            .must_be_of(&case);
    }
}

pub(crate) async fn a_signature_in_a_trailer_is_none(address: SocketAddr) {
    let signed = good();
    let (name, value) = &signed.headers[0];
    let trailer = format!("{name}: {}\r\n", str::from_utf8(value).unwrap());

    let mut unsigned = of_the_table("/scoreapp/unsigned");
    unsigned
        .headers
        .push(("trailer", b"scoreapp-signature".to_vec()));
    let request = in_chunks(&unsigned, 100, &trailer);
    ask(address, request).await.unwrap().must_be_of(&unsigned);

    let request = in_chunks(&signed, 100, "scoreapp-signature: 0\r\n");
    ask(address, request).await.unwrap().must_be_of(&signed);
}

pub(crate) async fn a_thousand_connections_at_once_are_served(address: SocketAddr) {
    rlimit::increase_nofile_limit(4096).unwrap();
    let case = good();
    let request = with_length(&case);
    let (first, rest) = request.split_at(request.len() - 10);
    let mut streams = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(first).await.unwrap();
        streams.push(stream);
    }
    let mut connections = Vec::new();
    for mut stream in streams {
        stream.write_all(rest).await.unwrap();
        let (reader, writer) = stream.into_split();
        connections.push(Connection {
            reader,
            writer: Some(writer),
            received: Vec::new(),
        });
    }
    for mut connection in connections {
        connection.response().await.unwrap().must_be_of(&case);
    }
}
