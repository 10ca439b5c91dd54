//! `leadhook why`

mod body;
mod header;
mod respell;
mod search;
mod secret;
mod token;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

pub(crate) use token::percent_decode;

use leadhook::SecretErrorKind;
use serde::Serialize;

use crate::{
    failure::Failure,
    input::Input,
    inspect::{credentials, option},
    provider::Kind,
    terminal::{BOLD, GREEN, YELLOW, paint},
};

/// Find out why a signature does not match
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Names the one change between the signed bytes and the given ones. Two changes at once are `unknown`.
It prints neither the secret nor the signature nor a value of the body.

Exit status: 0 the signature matches, 1 a cause was found, 2 unknown, 64 usage error

Example: leadhook why graphoid --secret-env GRAPHOID_WEBHOOK_SECRET --signature sha256=5f2c… body.json")]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    provider: Kind,
    /// The body (`-` for standard input), a delivery saved by `leadhook listen`, or a raw HTTP request
    file: PathBuf,
    /// The environment variable that holds the secret or token
    #[arg(long, value_name = "VAR")]
    secret_env: String,
    /// Another environment variable whose secret may be the right one
    #[arg(long, value_name = "VAR")]
    also_env: Vec<String>,
    /// The value of the signature header
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    signature: Option<OsString>,
    /// The value of Tomba's token
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    token: Option<OsString>,
    /// Another header of the request, such as a timestamp
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    header: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is known about a request.
pub(crate) struct Case {
    provider: Kind,
    secret: Vec<u8>,
    /// Other secrets, with the names of their variables.
    others: Vec<(String, Vec<u8>)>,
    /// All values of the signature header, or all tokens.
    values: Vec<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    cause: &'static str,
    detail: String,
    remedy: &'static str,
}

impl Finding {
    fn new(cause: &'static str, detail: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            cause,
            detail: detail.into(),
            remedy,
        }
    }

    fn status(&self) -> u8 {
        match self.cause {
            "none" => 0,
            "unknown" => 2,
            _ => 1,
        }
    }
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let given = credentials(
            self.provider,
            self.signature.as_slice(),
            self.token.as_slice(),
        )?;
        let secret = variable(&self.secret_env)?;
        let others = self.also_env.into_iter().map(|name| {
            let secret = variable(&name)?;
            Ok((name, secret))
        });
        let others = others.collect::<Result<Vec<_>, Failure>>()?;
        let Input { body, mut headers } = Input::read(&self.file)?;
        let is_whole_request = !headers.is_empty();
        for header in &self.header {
            let (name, value) = header
                .split_once('=')
                .ok_or_else(|| Failure::Usage("--header expects NAME=VALUE".into()))?;
            headers.push((name.to_ascii_lowercase(), value.into()));
        }
        let values = if given.is_empty() {
            let named = headers
                .iter()
                .filter(|(name, _)| name == self.provider.header());
            named.map(|(_, value)| value.clone()).collect()
        } else {
            given
        };
        if values.is_empty() && !is_whole_request && self.provider.is_signed() {
            let option = option(self.provider);
            return Err(Failure::Usage(format!("this provider takes {option}")));
        }
        let finding = Case {
            provider: self.provider,
            secret,
            others,
            values,
            headers,
            body,
        }
        .explain();
        let mut output = io::stdout();
        if self.json {
            let json = serde_json::to_string(&finding).map_err(io::Error::from)?;
            writeln!(output, "{json}")?;
        } else {
            let colour = match finding.status() {
                0 => GREEN,
                _ => YELLOW,
            };
            let heading = |text| paint(text, BOLD);
            writeln!(
                output,
                "{}   {}",
                heading("cause"),
                paint(finding.cause, colour)
            )?;
            writeln!(output, "{}  {}", heading("detail"), finding.detail)?;
            writeln!(output, "{}  {}", heading("remedy"), finding.remedy)?;
        }
        Ok(finding.status())
    }
}

/// Reads a variable as it is, because `Secret::from_env` would reject the white space that is to be found.
fn variable(name: &str) -> Result<Vec<u8>, Failure> {
    let unusable = |kind: SecretErrorKind| Failure::Usage(format!("{name}: {kind}"));
    let value = std::env::var_os(name).ok_or_else(|| unusable(SecretErrorKind::NotSet))?;
    if value.is_empty() {
        return Err(unusable(SecretErrorKind::Empty));
    }
    Ok(value.into_encoded_bytes())
}

impl Case {
    fn explain(&self) -> Finding {
        if self.provider.is_signed() {
            self.explain_signature()
        } else {
            self.explain_token()
        }
    }

    fn explain_signature(&self) -> Finding {
        if let Some(finding) = self.matches().or_else(|| self.header_cause()) {
            return finding;
        }
        let [value] = self.values.as_slice() else {
            return self.unknown();
        };
        // A header in another format is one change already, and `why` looks for a single change.
        let Some(mac) = header::accepted(self.provider, value) else {
            return self.unknown();
        };
        self.secret_cause(&mac)
            .or_else(|| self.timestamp_cause(&mac))
            .or_else(|| self.body_cause(&mac))
            .unwrap_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Finding {
        let mut detail = String::from(
            "none of these explains it alone: the header's format, algorithm and place; the secret's white \
             space, quotes and encoding, and other secrets; a timestamp before the body; a newline, byte \
             order mark, Base64, compression, encoding, form or JSON library that changed the body",
        );
        let suspicions = self.suspicions();
        if !suspicions.is_empty() {
            detail.push_str("; perhaps ");
            detail.push_str(&suspicions.join(", or "));
        }
        Finding::new(
            "unknown",
            detail,
            "compare the secret with the provider's dashboard, and save the raw body before anything reads it \
             (`leadhook listen --save DIR`)",
        )
    }

    /// Returns what looks odd, but explains nothing.
    fn suspicions(&self) -> Vec<String> {
        let mut suspicions = Vec::new();
        if let Some(reason) = self.malformed() {
            suspicions.push(reason);
        }
        if self.body.is_empty() {
            suspicions
                .push("the body was consumed before it was saved, because it is empty".into());
        } else if self.body.starts_with(&[0x1F, 0x8B]) {
            suspicions.push("the body is compressed".into());
        } else if std::str::from_utf8(&self.body).is_err() {
            suspicions.push("the body's encoding was changed, because it is not UTF-8".into());
        } else if serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_err() {
            suspicions.push("the body was cut or changed, because it is not JSON".into());
        }
        suspicions
    }
}
