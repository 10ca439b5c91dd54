//! `leadhook check`

mod attacks;
mod requests;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use leadhook::Secret;

use self::requests::Endpoint;
use crate::{
    failure::Failure,
    net::Target,
    provider::Kind,
    terminal::{BOLD, GREEN, RED, paint},
};

/// The most requests that one run sends.
const REQUEST_LIMIT: usize = 200;

const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Attack your own endpoint, and see which promise it breaks
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sends authentic deliveries of a lead with the address leadhook-check@example.com, which your application
handles as real ones, and requests that it must reject. Redirects are not followed.

Exit status: 0 all promises hold, 1 one fails, 64 usage error, 69 nothing responds

Example: leadhook check http://127.0.0.1:3000/webhooks/grader grader --secret-env GRADER_WEBHOOK_SECRET")]
pub(crate) struct Arguments {
    url: String,
    #[arg(value_enum)]
    provider: Kind,
    /// The environment variable that holds the secret or token
    #[arg(long, value_name = "VAR")]
    secret_env: String,
    /// Send without asking, even to another machine
    #[arg(long)]
    yes: bool,
    /// Send only what must be rejected
    #[arg(long)]
    only_bad: bool,
    /// Say why each promise matters
    #[arg(long)]
    explain: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let target = Target::parse(&self.url)?;
        let secret = Secret::from_env(&self.secret_env)?;
        // The variable was just read, so it is set and Unicode.
        let token = std::env::var(&self.secret_env).unwrap_or_default();
        self.consent(&target)?;
        let mut endpoint = Endpoint::new(target, self.provider, secret, token);
        let mut failed = 0;
        let mut output = io::stdout();
        let promises: Vec<_> = attacks::PROMISES
            .iter()
            .filter(|promise| self.provider.is_signed() || promise.for_tokens)
            .filter(|promise| !self.only_bad || promise.only_bad)
            .collect();
        let is_terminal = io::stderr().is_terminal();
        for (index, promise) in promises.iter().enumerate() {
            if is_terminal {
                let done = "#".repeat(index);
                write!(
                    io::stderr(),
                    "\r[{done:<width$}] {}\x1b[K",
                    promise.slug,
                    width = promises.len()
                )?;
            }
            let verdict = (promise.attack)(&mut endpoint);
            if is_terminal {
                write!(io::stderr(), "\r\x1b[K")?;
            }
            // Without any response so far, the rest would only take time.
            if let Some(error) = endpoint.unreachable() {
                return Err(error);
            }
            let (word, colour, came) = match &verdict {
                Ok(came) => ("PASS", GREEN, came),
                Err(came) => ("FAIL", RED, came),
            };
            failed += usize::from(verdict.is_err());
            let (word, slug) = (paint(word, colour), promise.slug);
            writeln!(
                output,
                "{word} {slug:<16} sent {}, expected {}, got {came}",
                promise.sends, promise.wants
            )?;
            if self.explain {
                writeln!(output, "     {}", promise.reason)?;
            }
        }
        let verdict = match failed {
            0 => paint("all promises hold", GREEN),
            1 => paint("1 promise is broken", RED),
            _ => paint(&format!("{failed} promises are broken"), RED),
        };
        let sent = endpoint.sent();
        writeln!(
            output,
            "{} {sent} requests, {verdict}",
            paint("done:", BOLD)
        )?;
        Ok(u8::from(failed > 0))
    }

    /// Says what will be sent, and asks.
    fn consent(&self, target: &Target) -> Result<(), Failure> {
        let (host, provider) = (&target.authority, self.provider.name());
        if self.only_bad {
            if target.is_local() || self.yes {
                return Ok(());
            }
            return Err(Failure::Usage(format!(
                "{host} is not this machine; add --yes if it is yours"
            )));
        }
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!(
                "this sends up to {REQUEST_LIMIT} requests to {host}, some with leads of leadhook-check@example.com; \
                 add --yes, or --only-bad for those that must be rejected"
            )));
        }
        if !target.is_local() {
            return Err(Failure::Usage(format!(
                "{host} is not this machine; add --yes if it is yours"
            )));
        }
        write!(
            io::stderr(),
            "This sends up to {REQUEST_LIMIT} {provider} requests to {host}. Your application will handle some of \
             them as leads of leadhook-check@example.com. Continue? [y/N] "
        )?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if answer.trim().eq_ignore_ascii_case("y") {
            Ok(())
        } else {
            Err(Failure::Usage("nothing was sent".into()))
        }
    }
}
