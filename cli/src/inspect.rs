//! `leadhook inspect`

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use leadhook::Secret;

use crate::{failure::Failure, input::Input, provider::Kind};

/// Verify and read a saved request offline
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one JSON object.

Exit status: 1 the signature or token is wrong, 2 the body can't be read as an envelope,
3 a documented event has an unexpected shape, 64 usage error, an unreadable file or an unusable secret

Example: leadhook inspect grader --secret-env GRADER_WEBHOOK_SECRET --signature 5f2c… body.json")]
pub(crate) struct Arguments {
    #[arg(value_enum, hide_possible_values = false)]
    provider: Kind,
    /// The body (`-` for standard input), a delivery saved by `leadhook listen`, or a raw HTTP request
    file: PathBuf,
    /// The environment variable that holds the secret or token
    #[arg(long, value_name = "VAR")]
    secret_env: String,
    /// The value of the signature header
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    signature: Vec<OsString>,
    /// The value of Tomba's token
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    token: Vec<OsString>,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let secret = Secret::from_env(&self.secret_env)?;
        let given = credentials(self.provider, &self.signature, &self.token)?;
        let input = Input::read(&self.file)?.not_empty()?;
        let values = or_from_input(given, self.provider, &input)?;
        let report = self.provider.read(&secret, &values, input.body.into())?;
        writeln!(io::stdout(), "{report}")?;
        Ok(0)
    }
}

/// Returns the values of the option that the provider takes.
pub(crate) fn credentials(
    provider: Kind,
    signatures: &[OsString],
    tokens: &[OsString],
) -> Result<Vec<Vec<u8>>, Failure> {
    let (wanted, other) = if provider.is_signed() {
        (signatures, tokens)
    } else {
        (tokens, signatures)
    };
    if other.is_empty() {
        let bytes = |value: &OsString| value.as_encoded_bytes().to_vec();
        return Ok(wanted.iter().map(bytes).collect());
    }
    Err(Failure::Usage(format!(
        "this provider takes {}",
        option(provider)
    )))
}

/// Takes the values from the file if none was given.
pub(crate) fn or_from_input(
    given: Vec<Vec<u8>>,
    provider: Kind,
    input: &Input,
) -> Result<Vec<Vec<u8>>, Failure> {
    let values = if given.is_empty() {
        input.values(provider.header())
    } else {
        given
    };
    // A whole request without the header is a request that must be rejected.
    if values.is_empty() && input.headers.is_empty() {
        return Err(Failure::Usage(format!(
            "this provider takes {}",
            option(provider)
        )));
    }
    Ok(values)
}

pub(crate) fn option(provider: Kind) -> &'static str {
    if provider.is_signed() {
        "--signature"
    } else {
        "--token"
    }
}
