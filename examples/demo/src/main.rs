//! Starts a receiver on a free port, sends it deliveries of every provider over HTTP, and prints the
//! response to each: the lead, or the reason of the rejection.
//!
//! It exits with 0 only if every response is as expected.

mod deliveries;
mod receiver;

use std::{
    env,
    error::Error,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use axum::body::{self, Body};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use leadhook::Secret;
use tokio::net::{TcpListener, TcpStream};

use deliveries::{Expected, Sent};
use receiver::DUPLICATE;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let secret = Secret::new("a secret of the demo")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, receiver::app(&secret)?).into_future());

    let mut printer = Printer::new();
    let mut total = 0_usize;
    let mut unexpected = 0_usize;
    for group in deliveries::all(&secret)? {
        printer.heading(group.provider)?;
        for Sent {
            what,
            request,
            expected,
        } in group.deliveries
        {
            let connection = TcpStream::connect(address).await?;
            let response = send(connection, request?).await?;
            let is_expected = response.is(expected);
            printer.delivery(what, &response, is_expected)?;
            total += 1;
            unexpected += usize::from(!is_expected);
        }
    }
    printer.total(total, unexpected)?;
    Ok(if unexpected == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Response {
    status: u16,
    /// The body, which has the lead or the reason of the rejection. A real receiver responds to a rejected
    /// request with an empty body.
    text: String,
}

impl Response {
    fn is(&self, expected: Expected) -> bool {
        match expected {
            Expected::Handled => self.status == 200 && self.text != DUPLICATE,
            Expected::Duplicate => self.status == 200 && self.text == DUPLICATE,
            Expected::Rejected(status) => self.status == status,
        }
    }
}

async fn send(
    connection: TcpStream,
    request: hyper::Request<Body>,
) -> Result<Response, Box<dyn Error>> {
    let (mut client, connection) = http1::handshake(TokioIo::new(connection)).await?;
    tokio::spawn(connection);
    let response = client.send_request(request).await?;
    let status = response.status().as_u16();
    let body = body::to_bytes(Body::new(response.into_body()), 64 * 1024).await?;
    let text = String::from_utf8(body.into())?;
    Ok(Response { status, text })
}

/// Writes the table, in colours on a terminal.
struct Printer {
    output: io::StdoutLock<'static>,
    colours: bool,
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "1;31";

impl Printer {
    fn new() -> Self {
        let output = io::stdout().lock();
        let colours =
            output.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { output, colours }
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    fn heading(&mut self, provider: &str) -> io::Result<()> {
        let provider = self.paint(provider, BOLD);
        writeln!(self.output, "{provider}")
    }

    fn delivery(&mut self, what: &str, response: &Response, is_expected: bool) -> io::Result<()> {
        let colour = if response.status == 200 {
            GREEN
        } else {
            YELLOW
        };
        let status = self.paint(&response.status.to_string(), colour);
        let text = response.text.as_str();
        write!(self.output, "  {status}  {what:<34}{text}")?;
        if !is_expected {
            let unexpected = self.paint("UNEXPECTED", RED);
            write!(self.output, "  {unexpected}")?;
        }
        writeln!(self.output)
    }

    fn total(&mut self, total: usize, unexpected: usize) -> io::Result<()> {
        let verdict = match unexpected {
            0 => self.paint("all answered as expected", GREEN),
            _ => self.paint(&format!("{unexpected} not answered as expected"), RED),
        };
        writeln!(self.output, "\n{total} deliveries, {verdict}")
    }
}
