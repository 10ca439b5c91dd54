//! A client for HTTP/1.1 over a plain socket, because the attacks of `check` are about exact bytes.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use crate::failure::Failure;

const RESPONSE_LIMIT: usize = 1024 * 1024;

/// The place that a URL names.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Host and port, as the `Host` header has them.
    pub(crate) authority: String,
    host: String,
    port: u16,
    /// Path and query.
    pub(crate) path: String,
    is_tls: bool,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        let usage = |text: &str| Failure::Usage(text.into());
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| usage("the URL has no scheme; expected http://HOST/PATH"))?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" if cfg!(feature = "tls") => true,
            "https" => {
                return Err(usage(
                    "https needs the feature `tls`: cargo install leadhook-cli --features tls",
                ));
            }
            _ => return Err(usage("the URL's scheme is neither http nor https")),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(usage("a URL with a user name or password is not supported"));
        }
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain(authority) || !is_plain(path) {
            return Err(usage("the URL has characters that must be percent-encoded"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port
                    .parse()
                    .map_err(|_| usage("the URL's port is not a number"))?;
                (host, port)
            }
            _ => (authority, if is_tls { 443 } else { 80 }),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(usage("the URL has no host"));
        }
        Ok(Self {
            authority: authority.into(),
            host: host.into(),
            port,
            path: if path.starts_with('/') {
                path.into()
            } else {
                format!("/{path}")
            },
            is_tls,
        })
    }

    /// Returns whether the host is this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }

    /// Adds a parameter to the query.
    pub(crate) fn with_parameter(mut self, name: &str, value: &[u8]) -> Self {
        self.path
            .push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        self.path.push_str(&percent_encode(value));
        self
    }

    /// Adds a query as it is.
    pub(crate) fn with_query(mut self, query: Option<&str>) -> Self {
        if let Some(query) = query {
            self.path
                .push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(query);
        }
        self
    }

    pub(crate) fn unreachable(&self, error: io::Error) -> Failure {
        let error = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => io::Error::other("no response in time"),
            ErrorKind::UnexpectedEof => {
                io::Error::other("the connection was closed without a response")
            }
            _ => error,
        };
        Failure::Unreachable(self.authority.clone(), error)
    }

    /// Connects. All that happens on the connection must happen within the time limit.
    pub(crate) fn connect(&self, limit: Duration) -> io::Result<Connection> {
        let deadline = Instant::now() + limit;
        let mut result = Err(io::Error::other("the host has no address"));
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            result = TcpStream::connect_timeout(&address, remaining(deadline)?);
            if result.is_ok() {
                break;
            }
        }
        let socket = result?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if self.is_tls {
            tls(&self.host, socket.try_clone()?)?
        } else {
            Box::new(socket.try_clone()?)
        };
        Ok(Connection {
            socket,
            stream,
            received: Vec::new(),
            deadline,
        })
    }

    /// Returns the head of a POST request, without the empty line that ends it.
    pub(crate) fn post(&self) -> Vec<u8> {
        let Self {
            path, authority, ..
        } = self;
        format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: leadhook\r\n")
            .into_bytes()
    }

    /// Posts a body on a connection of its own.
    pub(crate) fn send(
        &self,
        headers: &[(String, Vec<u8>)],
        body: &[u8],
        limit: Duration,
    ) -> io::Result<Response> {
        let mut connection = self.connect(limit)?;
        let mut request = self.post();
        request.extend_from_slice(b"connection: close\r\n");
        add_headers(&mut request, headers);
        add_body(&mut request, body);
        connection.exchange(&request)
    }
}

#[cfg(not(feature = "tls"))]
fn tls(_: &str, _: TcpStream) -> io::Result<Box<dyn Stream>> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(feature = "tls")]
fn tls(host: &str, socket: TcpStream) -> io::Result<Box<dyn Stream>> {
    use std::sync::Arc;

    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName,
    };

    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(connection, socket)))
}

pub(crate) fn add_headers(request: &mut Vec<u8>, headers: &[(String, Vec<u8>)]) {
    for (name, value) in headers {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
}

/// Ends the head, and adds the body.
pub(crate) fn add_body(request: &mut Vec<u8>, body: &[u8]) {
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
}

pub(crate) fn percent_encode(value: &[u8]) -> String {
    let encode = |&byte: &u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    value.iter().map(encode).collect()
}

pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

pub(crate) struct Connection {
    /// The socket under the stream, for its time limits.
    socket: TcpStream,
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Returns whether the server announced that it closes the connection.
    pub(crate) fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"close"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_slice())
    }
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    if remaining.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(remaining)
}

impl Connection {
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // A server that responds early may stop reading.
            let limit = remaining(self.deadline)?.min(Duration::from_secs(5));
            self.socket.set_write_timeout(Some(limit))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.flush()
    }

    /// Writes a request, and reads the response also if the server stopped reading.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
        let written = self.write(request);
        match (self.response(), written) {
            (Err(_), Err(error)) => Err(error),
            (response, _) => response,
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        loop {
            self.socket
                .set_read_timeout(Some(remaining(self.deadline)?))?;
            match self.stream.read(&mut buffer) {
                Ok(length) => {
                    self.received.extend(buffer.iter().take(length));
                    return Ok(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the next response that is not an interim one.
    pub(crate) fn response(&mut self) -> io::Result<Response> {
        loop {
            let mut response = self.head()?;
            if response.status < 200 {
                continue;
            }
            if !matches!(response.status, 204 | 304) {
                response.body = self.body(&response)?;
            }
            return Ok(response);
        }
    }

    fn head(&mut self) -> io::Result<Response> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 100];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.received);
            let parsed = parsed.map_err(|_| io::Error::other("the response is not HTTP/1.1"))?;
            if let httparse::Status::Complete(length) = parsed {
                let headers = response.headers.iter();
                let head = Response {
                    status: response.code.unwrap_or_default(),
                    reason: response.reason.unwrap_or_default().into(),
                    headers: headers
                        .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
                        .collect(),
                    body: Vec::new(),
                };
                self.received.drain(..length);
                return Ok(head);
            }
            if self.received.len() > RESPONSE_LIMIT || self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn body(&mut self, head: &Response) -> io::Result<Vec<u8>> {
        let too_large = || io::Error::other("the response is larger than 1 MiB");
        let is_chunked = head
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
        let length = head
            .header("content-length")
            .and_then(|value| str::from_utf8(value).ok()?.trim().parse::<usize>().ok());
        loop {
            if is_chunked {
                if let Some((length, body)) = dechunk(&self.received, RESPONSE_LIMIT)? {
                    self.received.drain(..length);
                    return Ok(body);
                }
            } else if let Some(length) = length.filter(|&length| length <= self.received.len()) {
                return Ok(self.received.drain(..length).collect());
            }
            if self.received.len() > RESPONSE_LIMIT {
                return Err(too_large());
            }
            if self.fill()? == 0 {
                return if is_chunked || length.is_some() {
                    Err(ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(std::mem::take(&mut self.received))
                };
            }
        }
    }
}

/// Joins the chunks of a body. Returns how many bytes they took up and the joined body, or `None` if more
/// must be read.
pub(crate) fn dechunk(bytes: &[u8], limit: usize) -> io::Result<Option<(usize, Vec<u8>)>> {
    let invalid = || io::Error::other("a chunk is malformed");
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let size = httparse::parse_chunk_size(rest).map_err(|_| invalid())?;
        let httparse::Status::Complete((start, size)) = size else {
            return Ok(None);
        };
        let size = usize::try_from(size).map_err(|_| invalid())?;
        at += start;
        if size == 0 {
            // Trailers may follow, up to an empty line.
            loop {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
                    return Ok(None);
                };
                at += end + 2;
                if end == 0 {
                    return Ok(Some((at, body)));
                }
            }
        }
        if size > limit.saturating_sub(body.len()) {
            return Err(io::Error::other("the body is too large"));
        }
        let Some(chunk) = at.checked_add(size).and_then(|end| bytes.get(at..end)) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Err(invalid()),
            None => return Ok(None),
        }
    }
}
