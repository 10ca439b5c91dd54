//! The deliveries that are sent, and the response that each must get.

use axum::body::Body;
use hyper::{Request, http};
use leadhook::{
    Provider, Secret, SecretError, SignedProvider, Tomba,
    samples::{Sample, SampleRequest, grader, graphoid, scoreapp, tomba},
};

pub(crate) struct Group {
    pub(crate) provider: &'static str,
    pub(crate) deliveries: Vec<Sent>,
}

pub(crate) struct Sent {
    pub(crate) what: &'static str,
    pub(crate) request: http::Result<Request<Body>>,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy)]
pub(crate) enum Expected {
    Handled,
    Duplicate,
    /// Rejected with this status.
    Rejected(u16),
}

use Expected::{Duplicate, Handled, Rejected};

pub(crate) fn all(secret: &Secret) -> Result<[Group; 4], SecretError> {
    let other = Secret::new("a secret of somebody else")?;
    let signed = Signed {
        secret,
        other: &other,
    };
    Ok([
        Group {
            provider: "Grader.io",
            deliveries: signed.deliveries("/grader", grader::ALL, "data.submission"),
        },
        Group {
            provider: "Graphoid",
            deliveries: signed.deliveries("/graphoid", graphoid::ALL, "data.lead.id"),
        },
        Group {
            provider: "ScoreApp",
            deliveries: signed.deliveries("/scoreapp", scoreapp::ALL, "data.id"),
        },
        Group {
            provider: "Tomba",
            deliveries: with_tokens(secret),
        },
    ])
}

/// The secrets for a provider that signs.
struct Signed<'a> {
    secret: &'a Secret,
    other: &'a Secret,
}

impl Signed<'_> {
    /// Returns every sample, and then duplicate, broken and forged deliveries. `identity` is the path of
    /// a value without which the event can't be read.
    fn deliveries<P: SignedProvider>(
        &self,
        path: &str,
        samples: &[Sample<P>],
        identity: &str,
    ) -> Vec<Sent> {
        let mut deliveries: Vec<Sent> = samples
            .iter()
            .map(|sample| {
                let request = sample.request().with_path(path).sign(self.secret);
                sent(sample.name(), request, Handled)
            })
            .collect();
        let Some(sample) = samples.first() else {
            return deliveries;
        };
        let unsigned = sample.request().with_path(path);
        let good = unsigned.clone().sign(self.secret);
        let own = |body| {
            SampleRequest::<P>::new(body)
                .with_path(path)
                .sign(self.secret)
        };
        deliveries.extend([
            sent("the first one again", good.clone(), Duplicate),
            sent(
                "a new event",
                good.clone().with_event("lead.cloned"),
                Handled,
            ),
            sent(
                "no id in the data",
                good.clone().remove(identity),
                Rejected(422),
            ),
            sent("not JSON", own(b"event=lead".to_vec()), Rejected(400)),
            sent(
                "signed with another secret",
                unsigned.clone().sign(self.other),
                Rejected(401),
            ),
            sent(
                "changed after it was signed",
                good.clone().forged(),
                Rejected(401),
            ),
            sent("unsigned", unsigned, Rejected(401)),
            sent(
                "signed twice",
                good.clone().sign(self.secret),
                Rejected(401),
            ),
            sent(
                "compressed",
                good.with_header("content-encoding", "gzip"),
                Rejected(415),
            ),
            sent(
                "larger than 2 MiB",
                own(vec![b' '; (2 << 20) + 1]),
                Rejected(413),
            ),
        ]);
        deliveries
    }
}

/// Returns Tomba's deliveries. A saved lead has its token in a header, a lookup's result in its query.
fn with_tokens(token: &Secret) -> Vec<Sent> {
    let authenticate = |sample: &Sample<Tomba>| {
        let request = sample
            .request()
            .with_path(&format!("/tomba/{}", sample.name()));
        if sample.name() == tomba::SAVE_LEAD.name() {
            request
                .with_header_token("x-webhook-token", token)
                .set("data.email", "ann.lee@example.com")
                .set("data.first_name", "Ann")
                .set("data.last_name", "Lee")
                .set("data.score", 74)
        } else {
            request.with_query_token("token", token)
        }
    };
    let mut deliveries: Vec<Sent> = tomba::ALL
        .iter()
        .map(|sample| sent(sample.name(), authenticate(sample), Handled))
        .collect();
    let lead = authenticate(&tomba::SAVE_LEAD);
    let lookup = authenticate(&tomba::EMAIL_VERIFIER);
    deliveries.extend([
        sent("save-lead again", lead.clone(), Duplicate),
        sent(
            "save-lead, wrong token",
            lead.clone().forged(),
            Rejected(401),
        ),
        sent("save-lead, no token", lead.unsigned(), Rejected(401)),
        sent("email-verifier again", lookup.clone(), Duplicate),
        sent(
            "email-verifier, wrong token",
            lookup.clone().forged(),
            Rejected(401),
        ),
        sent("email-verifier, no token", lookup.unsigned(), Rejected(401)),
    ]);
    deliveries
}

fn sent<P: Provider>(what: &'static str, request: SampleRequest<P>, expected: Expected) -> Sent {
    Sent {
        what,
        request: request.try_into(),
        expected,
    }
}
