//! The providers by name, for a command that learns at run time which one is meant.

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use hyper::body::Bytes;
use leadhook::{
    Delivery, Event, Grader, Graphoid, Lead, Provider, Receiver, RejectionKind, ScoreApp, Secret,
    SignedProvider, Signer, Tomba, Unread,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    samples::{self, Sample},
    scoreapp::ScoreAppEvent,
    tomba,
};
use serde::Serialize;

/// The header in which Tomba's dashboard can send a token. Its user chooses the name.
pub(crate) const TOKEN_HEADER: &str = "x-webhook-token";

/// The query parameter that holds the token in the `webhook_url` of a Tomba lookup.
pub(crate) const TOKEN_PARAMETER: &str = "token";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Grader,
    Graphoid,
    #[value(name = "scoreapp")]
    ScoreApp,
    /// The lookup is recognized by the shape of the body
    Tomba,
    #[value(name = "tomba/save-lead")]
    SaveLead,
    #[value(name = "tomba/email-verifier")]
    EmailVerifier,
    #[value(name = "tomba/email-finder")]
    EmailFinder,
    #[value(name = "tomba/domain-search")]
    DomainSearch,
    #[value(name = "tomba/author-finder")]
    AuthorFinder,
    #[value(name = "tomba/phone-finder")]
    PhoneFinder,
    #[value(name = "tomba/phone-validator")]
    PhoneValidator,
}

impl Kind {
    /// One of each provider.
    pub(crate) const PROVIDERS: [Self; 4] =
        [Self::Grader, Self::Graphoid, Self::ScoreApp, Self::Tomba];

    /// Returns the provider's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grader => Grader::NAME,
            Self::Graphoid => Graphoid::NAME,
            Self::ScoreApp => ScoreApp::NAME,
            _ => Tomba::NAME,
        }
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::Grader | Self::Graphoid | Self::ScoreApp)
    }

    /// Returns the header that carries the signature or token.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Grader => Grader::HEADER,
            Self::Graphoid => Graphoid::HEADER,
            Self::ScoreApp => ScoreApp::HEADER,
            _ => TOKEN_HEADER,
        }
    }

    /// Returns the header's name in mixed case.
    pub(crate) fn documented_header(self) -> &'static str {
        match self {
            Self::Grader => "X-Grader-Signature",
            Self::Graphoid => "X-Graphoid-Signature",
            Self::ScoreApp => "Scoreapp-Signature",
            _ => "X-Webhook-Token",
        }
    }

    /// Returns the environment variable that holds the secret unless the user names another one.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Grader => "GRADER_WEBHOOK_SECRET",
            Self::Graphoid => "GRAPHOID_WEBHOOK_SECRET",
            Self::ScoreApp => "SCOREAPP_WEBHOOK_SECRET",
            _ => "TOMBA_WEBHOOK_TOKEN",
        }
    }

    /// Returns the name and body of each sample.
    pub(crate) fn samples(self) -> Vec<(&'static str, &'static str)> {
        fn pairs<P: Provider>(samples: &[Sample<P>]) -> Vec<(&'static str, &'static str)> {
            samples
                .iter()
                .map(|sample| (sample.name(), sample.body()))
                .collect()
        }
        match self {
            Self::Grader => pairs(samples::grader::ALL),
            Self::Graphoid => pairs(samples::graphoid::ALL),
            Self::ScoreApp => pairs(samples::scoreapp::ALL),
            _ => pairs(samples::tomba::ALL),
        }
    }

    /// Returns the value of the signature header, or nothing if the provider signs nothing.
    pub(crate) fn sign(self, secret: &Secret, body: &[u8]) -> Option<String> {
        let (_, value) = match self {
            Self::Grader => Signer::<Grader>::new(secret).header(body),
            Self::Graphoid => Signer::<Graphoid>::new(secret).header(body),
            Self::ScoreApp => Signer::<ScoreApp>::new(secret).header(body),
            _ => return None,
        };
        Some(value)
    }

    /// Authenticates and reads a body, and returns the report of `inspect`.
    pub(crate) fn read(
        self,
        secret: &Secret,
        values: &[Vec<u8>],
        body: Bytes,
    ) -> Result<String, RejectionKind> {
        match self {
            Self::Grader => read::<GraderEvent>(&Receiver::new(secret), values, body),
            Self::Graphoid => read::<GraphoidEvent>(&Receiver::new(secret), values, body),
            Self::ScoreApp => read::<ScoreAppEvent>(&Receiver::new(secret), values, body),
            Self::Tomba => tomba::<tomba::TombaEvent>(secret, values, body),
            Self::SaveLead => tomba::<tomba::SaveLead>(secret, values, body),
            Self::EmailVerifier => {
                tomba::<tomba::LookupResult<tomba::EmailVerifier>>(secret, values, body)
            }
            Self::EmailFinder => {
                tomba::<tomba::LookupResult<tomba::EmailFinder>>(secret, values, body)
            }
            Self::DomainSearch => {
                tomba::<tomba::LookupResult<tomba::DomainSearch>>(secret, values, body)
            }
            Self::AuthorFinder => {
                tomba::<tomba::LookupResult<tomba::AuthorFinder>>(secret, values, body)
            }
            Self::PhoneFinder => {
                tomba::<tomba::LookupResult<tomba::PhoneFinder>>(secret, values, body)
            }
            Self::PhoneValidator => {
                tomba::<tomba::LookupResult<tomba::PhoneValidator>>(secret, values, body)
            }
        }
    }
}

/// What a typed event does not hold of a body.
pub(crate) struct Reading {
    pub(crate) provider: &'static str,
    pub(crate) event: String,
    pub(crate) unread: Vec<String>,
}

impl Reading {
    /// Reads a body as an event of the first provider that knows it.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        fn read<E: Event>(body: &[u8]) -> Option<Reading> {
            let delivery = Delivery::<E::Provider>::from_storage(body.to_vec());
            let envelope = delivery.read_as::<E>().ok()?;
            let unread = delivery.unread::<E>().ok()?;
            envelope.event.is_known().then(|| Reading {
                provider: E::Provider::NAME,
                event: envelope.name().into(),
                unread: unread.paths().to_vec(),
            })
        }
        read::<GraderEvent>(body)
            .or_else(|| read::<GraphoidEvent>(body))
            .or_else(|| read::<ScoreAppEvent>(body))
            .or_else(|| read::<tomba::TombaEvent>(body))
    }
}

#[expect(
    clippy::expect_used,
    reason = "the name is a constant that a header can have"
)]
fn tomba<E: Event<Provider = Tomba>>(
    token: &Secret,
    values: &[Vec<u8>],
    body: Bytes,
) -> Result<String, RejectionKind> {
    // It doesn't matter here whether the token was in a header or in the query.
    let receiver = Receiver::header_token(TOKEN_HEADER, token).expect("a header's name");
    read::<E>(&receiver, values, body)
}

fn read<E: Event>(
    receiver: &Receiver<E::Provider>,
    values: &[Vec<u8>],
    body: Bytes,
) -> Result<String, RejectionKind> {
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

    let delivery = receiver.accepts(values, body)?;
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
    // Writing to memory can't fail, and the keys of all maps are strings.
    Ok(report.unwrap_or_default())
}
