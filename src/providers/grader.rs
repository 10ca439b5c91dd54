//! Grader.io, which scores and routes the submissions of forms.
//!
//! | event | variant of [`GraderEvent`] | payload |
//! |---|---|---|
//! | `submission.created` | `SubmissionCreated` | [`SubmissionEvent`], assumed |
//! | `submission.scored` | `SubmissionScored` | [`SubmissionEvent`] |
//! | `submission.graded` | `SubmissionGraded` | [`SubmissionEvent`], assumed |
//! | `submission.routed` | `SubmissionRouted` | [`SubmissionEvent`], assumed |
//! | `submission.updated` | `SubmissionUpdated` | [`SubmissionEvent`], assumed |
//! | `grader.activated` | `GraderActivated` | [`RawJson`] |
//! | `grader.paused` | `GraderPaused` | [`RawJson`] |
//! | `grader.performance_alert` | `GraderPerformanceAlert` | [`RawJson`] |
//! | `integration.connected` | `IntegrationConnected` | [`RawJson`] |
//! | `integration.failed` | `IntegrationFailed` | [`RawJson`] |
//! | `integration.sync_completed` | `IntegrationSyncCompleted` | [`RawJson`] |
//!
//! ```
//! use leadhook::{Delivery, Grader, grader::GraderEvent};
//!
//! let body = r#"{
//!     "event": "submission.scored",
//!     "webhook_id": "wh_abc123",
//!     "timestamp": "2023-10-15T14:30:00Z",
//!     "data": {
//!         "submission": {
//!             "id": "sub_xyz789",
//!             "score": 87,
//!             "grade": "hot",
//!             "form_data": {
//!                 "email": "john.doe@acme.com",
//!                 "firstName": "John",
//!                 "lastName": "Doe"
//!             }
//!         },
//!         "grader": {
//!             "id": "grader_123",
//!             "name": "Enterprise Lead Grader",
//!             "version": "1.2"
//!         },
//!         "routing": {"assigned_to": "rep_john_smith", "team": "enterprise_sales"}
//!     }
//! }"#;
//! # let delivery = Delivery::<Grader>::from_storage(body);
//! match delivery.read()?.event {
//!     GraderEvent::SubmissionScored(scored) => {
//!         assert_eq!(scored.submission.score, Some(87.0));
//!         let lead = scored.lead().expect("the e-mail address is known");
//!         assert_eq!(lead.full_name.as_deref(), Some("John Doe"));
//!     }
//!     GraderEvent::Unknown { name, .. } => println!("{name} is not known yet"),
//!     _ => {}
//! }
//! # Ok::<(), leadhook::ReadError>(())
//! ```
//!
//! # Facts
//!
//! - Documented: a webhook is created in the dashboard under Integrations → Webhooks → Create New Webhook,
//!   with a name, a URL, its events and an optional secret. If a secret is set, the header
//!   `x-grader-signature` carries the body's HMAC-SHA256 as hex digits. Grader.io expects status 200 and
//!   retries failed deliveries (Grader.io's webhook documentation).
//! - Not known to us, because the copies that we have of that page are incomplete: how often and when
//!   Grader.io retries, how long it waits for a response, and whether it disables endpoints.
//! - Not known to us: whether `webhook_id` belongs to the event, the delivery or the endpoint.
//! - Documented: the body of `submission.scored`, in two shapes. In the flat shape, which the page calls a
//!   "test payload example", `data.submission_id` takes the place of `data.submission`. Assumed: the
//!   dashboard's webhook tester sends the flat shape.
//! - Assumed: the other submission events have the same payload. A body with another payload is read
//!   as [`GraderEvent::Unknown`].
//! - Documented: `timestamp` is in ISO 8601. All examples are in RFC 3339, a part of it, and a timestamp in
//!   any other form of ISO 8601 is left out of the envelope.
//! - Assumed: a retry has the same bytes as the first delivery.
//! - Grader.io's API reference names an event `submission.graded`, which the list of its webhook
//!   documentation does not have. The copy that we have of its body breaks off after the timestamp. Assumed:
//!   it has the same payload. The webhook in that page's example does not ask for `submission.scored`.
//! - The page's own example in Node.js verifies `JSON.stringify(req.body)`, which equals the bytes that were
//!   sent only if parsing and writing the JSON changes nothing. leadhook verifies the bytes as received.
//! - Assumed: a request that comes through Zapier carries no signature, so no receiver accepts it.

use alloc::string::String;
use core::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::provider::{EnvelopeKeys, Layout, Provider, SignedProvider};
use crate::providers::Grader;
use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;
use crate::read::raw_json::RawJson;

mod form;
mod grade;

pub use form::{Fields, FormData};
pub use grade::Grade;

impl Provider for Grader {
    const NAME: &'static str = "grader";
    const LAYOUT: Layout = Layout::Enveloped(
        EnvelopeKeys::new("event", "data")
            .with_id("webhook_id")
            .with_timestamp("timestamp"),
    );
    /// Assumed: the delays of the retries are not known to us.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
    type Event = GraderEvent;
}

impl SignedProvider for Grader {
    const HEADER: &'static str = "x-grader-signature";
    const FORMAT: SignatureFormat = SignatureFormat::Hex;
}

crate::events! {
    /// A Grader.io event.
    pub enum GraderEvent of Grader {
        /// A form was submitted.
        SubmissionCreated(SubmissionEvent) or Unknown = "submission.created",
        /// A submission was scored.
        SubmissionScored(SubmissionEvent) = "submission.scored",
        /// A submission was graded. Only Grader.io's API reference names this event.
        SubmissionGraded(SubmissionEvent) or Unknown = "submission.graded",
        /// A submission was assigned to a person or team.
        SubmissionRouted(SubmissionEvent) or Unknown = "submission.routed",
        /// A submission was changed.
        SubmissionUpdated(SubmissionEvent) or Unknown = "submission.updated",
        /// A grader was activated.
        GraderActivated(RawJson) = "grader.activated",
        /// A grader was paused.
        GraderPaused(RawJson) = "grader.paused",
        /// A grader's conversion rate changed significantly.
        GraderPerformanceAlert(RawJson) = "grader.performance_alert",
        /// An integration was connected.
        IntegrationConnected(RawJson) = "integration.connected",
        /// An integration failed.
        IntegrationFailed(RawJson) = "integration.failed",
        /// An integration finished a synchronization.
        IntegrationSyncCompleted(RawJson) = "integration.sync_completed",
    }
    lead(event) = event.submission()?.lead();
    lead_id(event) = Some(event.submission()?.submission.id.clone());
}

impl GraderEvent {
    /// Returns the payload that all submission events share.
    #[must_use]
    pub fn submission(&self) -> Option<&SubmissionEvent> {
        match self {
            Self::SubmissionCreated(data)
            | Self::SubmissionScored(data)
            | Self::SubmissionGraded(data)
            | Self::SubmissionRouted(data)
            | Self::SubmissionUpdated(data) => Some(data),
            _ => None,
        }
    }
}

/// The payload of a submission event.
///
/// It is read from both documented shapes, and written in the nested one. If a body has both shapes, the
/// nested shape is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(from = "Nested")]
pub struct SubmissionEvent {
    /// The submission.
    pub submission: Submission,
    /// The grader that scored the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grader: Option<GraderInfo>,
    /// The person or team that the submission was assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
}

crate::payload! {
    /// A submission of a form, with its score.
    pub struct Submission {
        /// The submission's id, such as `sub_xyz789`.
        pub id: String,
        /// When the form was submitted, such as `2023-10-15T14:29:30Z`.
        pub created_at: Option<DateTime<Utc>>,
        /// The score, such as `87`, by default on a scale of 0 to 100.
        pub score: Option<f64>,
        /// The grade that goes with the score, such as [`Grade::Hot`].
        pub grade: Option<Grade>,
        /// Where the form was submitted, such as `website_form`.
        pub source: Option<String>,
        /// The fields of the form, such as `email` and `jobTitle`.
        pub form_data: FormData,
    }
}

crate::payload! {
    /// A grader, which is a set of scoring rules.
    pub struct GraderInfo {
        /// The grader's id, such as `grader_123`.
        pub id: Option<String>,
        /// The grader's name, such as `Enterprise Lead Grader`.
        pub name: Option<String>,
        /// The grader's version, such as `1.2`.
        pub version: Option<String>,
    }
}

crate::payload! {
    /// The person or team that a submission was assigned to.
    pub struct Routing {
        /// The id of the person, such as `rep_john_smith`.
        pub assigned_to: Option<String>,
        /// The team, such as `enterprise_sales`.
        pub team: Option<String>,
        /// The territory, such as `west_coast`.
        pub territory: Option<String>,
    }
}

crate::payload! {
    /// The shape of a scored form.
    struct Nested {
        submission: Submission,
        grader: Option<GraderInfo>,
        routing: Option<Routing>,
    }
}

crate::payload! {
    /// The flat shape, which Grader.io's documentation calls a test payload.
    struct Flat {
        submission_id: String,
        score: Option<f64>,
        grade: Option<Grade>,
        form_data: FormData,
        grader: Option<GraderInfo>,
        routing: Option<Routing>,
    }
}

impl Field for SubmissionEvent {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        let nested = json.attempt(Nested::read);
        let is_flat = || {
            json.get("submission").is_none_or(Json::is_no_object)
                && json.get("submission_id").is_some_and(|id| !id.is_null())
        };
        if nested.is_err() && is_flat() {
            return Ok(Flat::read(json)?.map(Self::from));
        }
        Ok(nested?.map(Self::from))
    }
}

impl From<Nested> for SubmissionEvent {
    fn from(nested: Nested) -> Self {
        Self {
            submission: nested.submission,
            grader: nested.grader,
            routing: nested.routing,
        }
    }
}

impl From<Flat> for SubmissionEvent {
    fn from(flat: Flat) -> Self {
        Self {
            submission: Submission {
                id: flat.submission_id,
                created_at: None,
                score: flat.score,
                grade: flat.grade,
                source: None,
                form_data: flat.form_data,
            },
            grader: flat.grader,
            routing: flat.routing,
        }
    }
}

impl SubmissionEvent {
    /// Returns the person who submitted the form, with the contact data of the form's fields.
    ///
    /// The lead's id is the submission's id.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        let Submission {
            id,
            score,
            grade,
            form_data,
            ..
        } = &self.submission;
        Lead {
            id: Some(id.clone()),
            score: *score,
            rating: grade.clone().map(String::from),
            ..form_data.lead()
        }
        .tidy()
    }
}
