//! Grader.io, lead scoring: form submissions are scored and routed, graders change, integrations
//! sync.
//!
//! Grader.io signs where its user set a secret (header `x-grader-signature`, bare hex), and retries
//! what is not answered with 200. Source: Grader.io's webhook documentation. The delays of the retries
//! and the time-out are not known.

use alloc::string::String;
use core::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::provider::{
    EnvelopeKeys, Layout, Provider, Signed, SignedProvider, TimestampedProvider,
};
use crate::providers::EventData;
use crate::read::lenient::{ElementSizes, Payload};
use crate::read::raw_json::RawJson;

mod form;

pub use form::FormData;

/// The provider Grader.io.
///
/// Its `webhook_id` may be one of the endpoint: repeats are recognised by the body. How long it
/// retries is not known.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Grader;

impl Provider for Grader {
    const NAME: &'static str = "grader";
    const LAYOUT: Layout = Layout::Enveloped(
        EnvelopeKeys::new("event", "data")
            .with_id("webhook_id")
            .with_timestamp("timestamp"),
    );
    /// An assumption: that its retries, whose delays are not known, end within a day.
    const RETRY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
    type Authentication = Signed;
    type Event = GraderEvent;
}

impl SignedProvider for Grader {
    const HEADER: &'static str = "x-grader-signature";
    const FORMAT: SignatureFormat = SignatureFormat::Hex;
}

impl TimestampedProvider for Grader {}

events! {
    /// An event of Grader.io.
    ///
    /// Only the body of `submission.scored` is documented. That the other events of a submission
    /// carry the same data is an assumption; the rest keeps raw JSON.
    pub enum GraderEvent of Grader {
        /// A form was submitted.
        SubmissionCreated(SubmissionEvent) = "submission.created" (assumed),
        /// A submission was scored.
        SubmissionScored(SubmissionEvent) = "submission.scored",
        /// A submission was given to someone.
        SubmissionRouted(SubmissionEvent) = "submission.routed" (assumed),
        /// A submission was changed.
        SubmissionUpdated(SubmissionEvent) = "submission.updated" (assumed),
        /// A grader was switched on.
        GraderActivated(RawJson) = "grader.activated",
        /// A grader was paused.
        GraderPaused(RawJson) = "grader.paused",
        /// A grader doesn't perform as it should.
        GraderPerformanceAlert(RawJson) = "grader.performance_alert",
        /// An integration was connected.
        IntegrationConnected(RawJson) = "integration.connected",
        /// An integration failed.
        IntegrationFailed(RawJson) = "integration.failed",
        /// An integration has synced.
        IntegrationSyncCompleted(RawJson) = "integration.sync_completed",
    }
}

/// A submission, and what was done with it.
///
/// Both documented shapes are read: the nested one, and the flat one of the dashboard's webhook
/// tester. It is written in the nested one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SubmissionEvent {
    /// The submission.
    pub submission: Submission,
    /// The grader that scored it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grader: Option<GraderInfo>,
    /// To whom it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
}

payload! {
    /// What was submitted, and its score.
    pub struct Submission {
        @required {
            /// The submission's id.
            id: String,
        }
        /// When it was submitted.
        created_at: Option<DateTime<Utc>>,
        /// The score, of 0 to 100.
        score: Option<f64>,
        /// `hot`, `warm`, `cold` or `disqualified`, as documented; any text.
        grade: Option<String>,
        /// Where it was submitted, such as `website_form`.
        source: Option<String>,
        /// The fields of the form.
        form_data: FormData,
    }
}

payload! {
    /// A grader.
    pub struct GraderInfo {
        /// The grader's id.
        id: Option<String>,
        /// The grader's name.
        name: Option<String>,
        /// The grader's version, such as `1.2`.
        version: Option<String>,
    }
}

payload! {
    /// To whom a submission was given.
    pub struct Routing {
        /// The id of the person.
        assigned_to: Option<String>,
        /// The team.
        team: Option<String>,
        /// The territory.
        territory: Option<String>,
    }
}

payload! {
    /// Both shapes at once.
    struct EitherShape {
        submission: Option<Submission>,
        submission_id: Option<String>,
        score: Option<f64>,
        grade: Option<String>,
        form_data: FormData,
        grader: Option<GraderInfo>,
        routing: Option<Routing>,
    }
}

impl<'de> Deserialize<'de> for SubmissionEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = EitherShape::deserialize(deserializer)?;
        let submission = match (shape.submission, shape.submission_id) {
            (Some(nested), _) => nested,
            (None, Some(id)) => Submission {
                id,
                created_at: None,
                score: shape.score,
                grade: shape.grade,
                source: None,
                form_data: shape.form_data,
            },
            (None, None) => return Err(D::Error::missing_field("submission")),
        };
        Ok(Self {
            submission,
            grader: shape.grader,
            routing: shape.routing,
        })
    }
}

impl Payload for SubmissionEvent {
    const ELEMENT_SIZES: ElementSizes = <EitherShape as Payload>::ELEMENT_SIZES;

    fn is_documented_key(key: &str) -> bool {
        <EitherShape as Payload>::is_documented_key(key)
    }
}

impl SubmissionEvent {
    /// The person who submitted the form, as far as the form's fields tell.
    #[must_use]
    pub fn lead(&self) -> Lead {
        let form = &self.submission.form_data;
        Lead {
            email: form.email(),
            first_name: form.first_name(),
            last_name: form.last_name(),
            full_name: form.full_name(),
            company: form.company(),
            job_title: form.job_title(),
            phone: form.phone(),
            website: form.website(),
            score: self.submission.score,
            rating: self.submission.grade.clone(),
        }
        .tidy()
    }
}

impl EventData for SubmissionEvent {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}
