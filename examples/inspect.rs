//! Verifies and reads a saved request, offline.
//!
//! ```text
//! inspect PROVIDER --secret-env VAR --signature VALUE FILE
//! inspect tomba/LOOK-UP --secret-env VAR --token VALUE FILE
//! ```
//!
//! PROVIDER is `grader`, `graphoid` or `scoreapp`. For Tomba it is `tomba/save-lead`,
//! `tomba/email-verifier`, `tomba/email-finder`, `tomba/domain-search`, `tomba/author-finder`,
//! `tomba/phone-finder` or `tomba/phone-validator`, or `tomba` to detect the look-up from the body.
//! VAR is the environment variable that holds the secret or token, VALUE is the value of the request's
//! header or query parameter, and FILE is the body as it was received (`-` for standard input).
//!
//! `inspect` prints one JSON object. On failure it writes one line to standard error and exits with
//! one of these statuses:
//!
//! | status | reason |
//! |---|---|
//! | 1 | the signature or token is wrong |
//! | 2 | the body can't be read as an envelope |
//! | 3 | a documented event has an unexpected shape |
//! | 64 | the arguments are wrong, the file can't be read, or the secret is unusable |

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read, Write},
    process::ExitCode,
};

use chrono::{DateTime, Utc};
use leadhook::{
    Event, Grader, Graphoid, Lead, ReadError, Receiver, ScoreApp, Secret, SecretError, Tomba,
    Unread, VerifyError, grader::GraderEvent, graphoid::GraphoidEvent, scoreapp::ScoreAppEvent,
    tomba,
};
use serde::Serialize;

const USAGE: &str =
    "usage: inspect PROVIDER --secret-env VAR (--signature VALUE | --token VALUE) FILE";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "inspect: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn run() -> Result<(), Failure> {
    let Arguments {
        provider,
        secret,
        signatures,
        tokens,
        body,
    } = Arguments::read()?;
    let signed = || one_kind(&signatures, &tokens, "--signature");
    let report = match provider.as_str() {
        "grader" => inspect::<GraderEvent>(&Receiver::<Grader>::new(&secret), signed()?, body),
        "graphoid" => {
            inspect::<GraphoidEvent>(&Receiver::<Graphoid>::new(&secret), signed()?, body)
        }
        "scoreapp" => {
            inspect::<ScoreAppEvent>(&Receiver::<ScoreApp>::new(&secret), signed()?, body)
        }
        _ => {
            let inspect = match provider.as_str() {
                "tomba" => inspect::<tomba::TombaEvent>,
                "tomba/save-lead" => inspect::<tomba::SaveLead>,
                "tomba/email-verifier" => inspect::<tomba::LookupResult<tomba::EmailVerifier>>,
                "tomba/email-finder" => inspect::<tomba::LookupResult<tomba::EmailFinder>>,
                "tomba/domain-search" => inspect::<tomba::LookupResult<tomba::DomainSearch>>,
                "tomba/author-finder" => inspect::<tomba::LookupResult<tomba::AuthorFinder>>,
                "tomba/phone-finder" => inspect::<tomba::LookupResult<tomba::PhoneFinder>>,
                "tomba/phone-validator" => inspect::<tomba::LookupResult<tomba::PhoneValidator>>,
                _ => return Err(Failure::Usage("unknown provider".into())),
            };
            // Offline it doesn't matter whether the token was in a header or in the query.
            let receiver = Receiver::<Tomba>::header_token("token", &secret)
                .map_err(|error| Failure::Usage(error.to_string()))?;
            inspect(&receiver, one_kind(&tokens, &signatures, "--token")?, body)
        }
    }?;
    writeln!(io::stdout(), "{report}")?;
    Ok(())
}

/// Authenticates and reads a body, and returns the report.
fn inspect<E: Event>(
    receiver: &Receiver<E::Provider>,
    values: &[OsString],
    body: Vec<u8>,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Report<'a, E> {
        event: &'a str,
        id: Option<&'a str>,
        timestamp: Option<DateTime<Utc>>,
        workspace_id: Option<&'a str>,
        api_version: Option<&'a str>,
        known: bool,
        data: &'a E,
        lead: Option<Lead>,
        unread: Unread,
    }

    let values = values.iter().map(|value| value.as_encoded_bytes());
    let delivery = receiver.authenticate(values, body)?;
    let envelope = delivery.read_as::<E>()?;
    let report = serde_json::to_string(&Report {
        event: envelope.name(),
        id: envelope.id.as_deref(),
        timestamp: envelope.timestamp,
        workspace_id: envelope.workspace_id.as_deref(),
        api_version: envelope.api_version.as_deref(),
        known: envelope.event.is_known(),
        data: &envelope.event,
        lead: envelope.lead(),
        unread: delivery.unread::<E>()?,
    });
    Ok(report.map_err(io::Error::from)?)
}

struct Arguments {
    provider: String,
    secret: Secret,
    signatures: Vec<OsString>,
    tokens: Vec<OsString>,
    body: Vec<u8>,
}

impl Arguments {
    fn read() -> Result<Self, Failure> {
        use lexopt::prelude::{Long, Value, ValueExt};

        let mut secret_env = None;
        let mut signatures = Vec::new();
        let mut tokens = Vec::new();
        let mut operands = Vec::new();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("secret-env") => secret_env = Some(arguments.value()?.string()?),
                Long("signature") => signatures.push(arguments.value()?),
                Long("token") => tokens.push(arguments.value()?),
                Value(operand) => operands.push(operand),
                other => return Err(other.unexpected().into()),
            }
        }
        let operands: [OsString; 2] = operands
            .try_into()
            .map_err(|_| Failure::Usage("PROVIDER and FILE are expected".into()))?;
        let [provider, file] = operands;
        let secret_env =
            secret_env.ok_or_else(|| Failure::Usage("--secret-env is missing".into()))?;
        Ok(Self {
            provider: provider.string()?,
            secret: Secret::from_env(&secret_env)?,
            signatures,
            tokens,
            body: read(&file).map_err(|error| Failure::File(file.display().to_string(), error))?,
        })
    }
}

fn read(file: &OsStr) -> io::Result<Vec<u8>> {
    if file != "-" {
        return fs::read(file);
    }
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    Ok(body)
}

/// Returns the values of the option that this provider needs. There must be at least one, and no value of
/// the other option.
fn one_kind<'a>(
    wanted: &'a [OsString],
    other: &[OsString],
    option: &str,
) -> Result<&'a [OsString], Failure> {
    if wanted.is_empty() || !other.is_empty() {
        return Err(Failure::Usage(format!("this provider takes {option}")));
    }
    Ok(wanted)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("{0}; {USAGE}")]
    Usage(String),
    #[error("the report can't be written: {0}")]
    Report(#[from] io::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Verify(_) => 1,
            Self::Read(ReadError::UnexpectedShape { .. }) => 3,
            Self::Read(_) => 2,
            Self::Secret(_) | Self::File(..) | Self::Usage(_) => 64,
            Self::Report(_) => 74,
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
