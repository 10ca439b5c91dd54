//! The plain receiver runs the table of cases.

use std::collections::{HashMap, HashSet};

use leadhook::{CredentialSource, Event, NameError, Provider, Receiver, Tomba};

use crate::cases::{Case, Endpoints, Expected, Kind, Where};
use crate::support::secret;

type Endpoint = Box<dyn Fn(&Case) -> Result<String, Kind>>;

#[derive(Default)]
struct Plain(HashMap<&'static str, Endpoint>);

impl Endpoints for Plain {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    ) {
        let endpoint = move |case: &Case| {
            let delivery = receiver
                .authenticate(values(&receiver, case), case.body.clone())
                .map_err(Kind::Verify)?;
            assert_eq!(delivery.body(), &case.body, "{}", case.id);
            let envelope = delivery.read_as::<E>().map_err(Kind::Read)?;
            Ok(envelope.name().to_owned())
        };
        self.0.insert(path, Box::new(endpoint));
    }
}

/// Returns the values of the credential, without decoding the query.
fn values<P: Provider>(receiver: &Receiver<P>, case: &Case) -> Vec<Vec<u8>> {
    match receiver.credential_source() {
        CredentialSource::Header(wanted) => {
            let values = case.headers.iter().filter(|(name, _)| *name == wanted);
            values.map(|(_, value)| value.clone()).collect()
        }
        CredentialSource::Query(wanted) => case
            .query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(name, _)| *name == wanted)
            .map(|(_, value)| value.into())
            .collect(),
        _ => vec![],
    }
}

#[test]
fn every_case_has_an_id_of_its_own() {
    let mut seen = HashSet::new();
    for case in crate::cases::all() {
        assert!(seen.insert((case.id.clone(), case.at)), "{}", case.id);
    }
}

#[test]
fn every_case_has_the_result_of_the_table() {
    let mut plain = Plain::default();
    crate::cases::endpoints(&mut plain);

    let mut wrong = Vec::new();
    let mut count = 0;
    for case in crate::cases::all() {
        if case.at == Where::Http {
            continue;
        }
        count += 1;
        let came = match plain.0[case.path](&case) {
            Ok(name) => format!("accepted {name}"),
            Err(kind) => format!("{kind:?}"),
        };
        let expected = match &case.expected {
            Expected::Accepted(name) => format!("accepted {name}"),
            Expected::Rejected(_, kind) => format!("{kind:?}"),
        };
        if came != expected {
            wrong.push(format!(
                "{}: {came}, not {expected}: {}",
                case.id, case.reason
            ));
        }
    }
    assert!(count > 250, "only {count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_name_that_no_request_can_carry_is_an_error() {
    let header = |name: &str| Receiver::<Tomba>::header_token(name, &secret("token"));
    let query = |name: &str| Receiver::<Tomba>::query_token(name, &secret("token"));

    assert_eq!(header("").unwrap_err(), NameError::Empty);
    assert_eq!(query("").unwrap_err(), NameError::Empty);
    for (name, index) in [
        ("x webhook", 1),
        ("täg", 1),
        (":authority", 0),
        ("x-token:", 7),
        ("x-token ", 7),
        ("x-token\r\n", 7),
        ("\"x-token\"", 0),
    ] {
        let error = header(name).unwrap_err();
        let expected = format!("the character at index {index} can't be part of a header name");
        assert_eq!(error.to_string(), expected, "{name:?}");
        let source = query(name).unwrap();
        assert_eq!(source.credential_source(), CredentialSource::Query(name));
    }
    // The token characters of RFC 9110.
    for character in (0..=u8::MAX).map(char::from) {
        let is_allowed = character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
        let name = format!("x{character}");
        assert_eq!(header(&name).is_ok(), is_allowed, "{character:?}");
    }
    let receiver = header("X-Webhook-Token").unwrap();
    let lower = CredentialSource::Header("x-webhook-token");
    assert_eq!(receiver.credential_source(), lower);
}
