//! ScoreApp, which hosts quizzes and scorecards that collect leads.
//!
//! | event | variant of [`ScoreAppEvent`] | payload |
//! |---|---|---|
//! | `QUIZ_STARTED` | `QuizStarted` | [`QuizSubmission`] |
//! | `QUIZ_FINISHED` | `QuizFinished` | [`QuizSubmission`] |
//! | `LEAD_SIGNED_UP` | `LeadSignedUp` | [`QuizSubmission`] |
//! | `LEAD_DETAILS_UPDATED` | `LeadDetailsUpdated` | [`QuizSubmission`] |
//!
//! ```
//! use leadhook::{Delivery, ScoreApp, scoreapp::ScoreAppEvent};
//!
//! let body = r#"{
//!     "event_name": "QUIZ_FINISHED",
//!     "data": {
//!         "id": "1e11c712-c4f7-48e9-8bc7-7d86ea273a6f",
//!         "status": "Finished",
//!         "email": "ann.lee@example.com",
//!         "started_at": "2023-07-06T08:25:25.000Z",
//!         "lead_form_questions": [
//!             {"question": "Company name", "answers": [{"answer": "Acme Corporation"}]}
//!         ],
//!         "quiz_questions": [{"question": "Question 1", "answers": [{"answer": "No"}]}],
//!         "total_score": {
//!             "actual": "67.00",
//!             "percent": 54,
//!             "denominator10": 5.36,
//!             "tier": "medium"
//!         }
//!     }
//! }"#;
//! # let delivery = Delivery::<ScoreApp>::from_storage(body);
//! match delivery.read()?.event {
//!     ScoreAppEvent::QuizFinished(quiz) => {
//!         let lead = quiz.lead().expect("the e-mail address is known");
//!         assert_eq!(lead.company.as_deref(), Some("Acme Corporation"));
//!         assert_eq!(lead.score, Some(54.0));
//!         assert!(quiz.answers_to("Question 1").eq(["No"]));
//!     }
//!     ScoreAppEvent::Unknown { name, .. } => println!("{name} is not known yet"),
//!     _ => {}
//! }
//! # Ok::<(), leadhook::ReadError>(())
//! ```
//!
//! # Facts
//!
//! - Documented: if a secret is set, the header `Scoreapp-Signature` carries the body's HMAC-SHA256 as
//!   hex digits. ScoreApp expects a 2xx status within 10 s and resends up to 5 times (ScoreApp's
//!   webhook documentation). The bodies contain neither an id nor a timestamp of the event.
//! - Documented: the lead form can come before or after the quiz. The contact data may be unknown
//!   until the lead form was sent.
//! - Not explained: `data.id` and `data.key`. Assumed from the documented samples: all events of one
//!   sitting of a quiz have the same `data.id`.
//! - Not known to us: the order of events, and what a test request from the dashboard looks like.
//! - Not known to us: the delays of the resends. Assumed: the n-th resend comes 10^n s after the attempt
//!   before it, with the same bytes, as in `spatie/laravel-webhook-server`. ScoreApp appears to send with
//!   that package, because its documentation has almost the same sentences. The fifth resend then comes 30
//!   h 52 min after the first attempt.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::signature::SignatureFormat;
use crate::lead::{Lead, is_blank};
use crate::provider::{EnvelopeKeys, Layout, Provider, SignedProvider};
use crate::providers::ScoreApp;
use crate::providers::contact;

impl Provider for ScoreApp {
    const NAME: &'static str = "scoreapp";
    const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("event_name", "data"));
    /// `ScoreApp` waits for 10 seconds (its webhook documentation). The margin is ours.
    const RESPOND_WITHIN: Duration = Duration::from_secs(8);
    /// Up to 5 resends are documented. With the assumed delays, the fifth comes 30 h 52 min after the first
    /// attempt. The rest of the time is for late deliveries.
    const RETRY_WINDOW: Duration = Duration::from_secs(36 * 60 * 60);
    type Event = ScoreAppEvent;
}

impl SignedProvider for ScoreApp {
    const HEADER: &'static str = "scoreapp-signature";
    const FORMAT: SignatureFormat = SignatureFormat::Hex;
}

crate::events! {
    /// A `ScoreApp` event.
    pub enum ScoreAppEvent of ScoreApp {
        /// The first question was answered. There is contact data only if the lead form came first.
        QuizStarted(Box<QuizSubmission>) = "QUIZ_STARTED",
        /// The last question was answered. There is contact data only if the lead form came first.
        QuizFinished(Box<QuizSubmission>) = "QUIZ_FINISHED",
        /// The lead form was sent. There are answers and scores only if it came after the quiz.
        LeadSignedUp(Box<QuizSubmission>) = "LEAD_SIGNED_UP",
        /// The lead's details were changed after the results were shown.
        LeadDetailsUpdated(Box<QuizSubmission>) = "LEAD_DETAILS_UPDATED",
    }
    lead(event) = event.quiz()?.lead();
    lead_id(event) = Some(event.quiz()?.id.clone());
}

impl ScoreAppEvent {
    /// Returns the payload that all known events share.
    #[must_use]
    pub fn quiz(&self) -> Option<&QuizSubmission> {
        match self {
            Self::QuizStarted(quiz)
            | Self::QuizFinished(quiz)
            | Self::LeadSignedUp(quiz)
            | Self::LeadDetailsUpdated(quiz) => Some(quiz),
            Self::Unknown { .. } => None,
        }
    }
}

crate::payload! {
    /// One sitting of a quiz, as far as it is known at the time of the event.
    pub struct QuizSubmission {
        /// The id of the sitting, such as `1e11c712-c4f7-48e9-8bc7-7d86ea273a6f`.
        ///
        /// `ScoreApp` does not explain it. That it is the same for all events of a sitting is assumed.
        pub id: String,
        /// The state of the quiz, such as `Finished`.
        ///
        /// The documented values are `Started` and `Finished`. Other values are possible.
        pub status: Option<String>,
        /// A key, such as `64b00a39ce128979457258`, that `ScoreApp` does not explain.
        ///
        /// It has the form of the key in the URL of the results. Don't treat it as a secret: it looks as if
        /// it were made from the time, so it can probably be guessed.
        pub key: Option<String>,
        /// The lead's first name, such as `Ann`.
        pub first_name: Option<String>,
        /// The lead's last name, such as `Lee`.
        pub last_name: Option<String>,
        /// The lead's e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The lead's phone number, such as `+1-555-0123`. Not documented; assumed from public
        /// receivers that read it.
        pub phone: Option<String>,
        /// When the quiz was started, such as `2023-07-06T08:25:25Z`.
        pub started_at: Option<DateTime<Utc>>,
        /// When the quiz was finished, such as `2023-07-06T08:25:29Z`.
        pub finished_at: Option<DateTime<Utc>>,
        /// Whether the lead agreed to be contacted, `true` in the documented samples.
        pub opt_in: Option<bool>,
        /// How the lead agreed, such as `Implied`, which is the only value in the documented samples.
        pub opt_in_detail: Option<String>,
        /// The source of the campaign, such as `newsletter`.
        pub utm_source: Option<String>,
        /// The name of the campaign, such as `spring_sale`.
        pub utm_campaign: Option<String>,
        /// The medium of the campaign, such as `email`.
        pub utm_medium: Option<String>,
        /// The search term of the campaign, such as `lead scoring`.
        pub utm_term: Option<String>,
        /// The content of the campaign, such as `banner`.
        pub utm_content: Option<String>,
        /// The lead's IP address, such as `172.23.0.1`.
        pub ip_address: Option<String>,
        /// The questions of the lead form with their answers, such as `Company name` with `Acme`.
        pub lead_form_questions: Vec<Question>,
        /// The questions of the quiz with their answers, such as `Question 1` with `No`.
        pub quiz_questions: Vec<Question>,
        /// The URL at which an unfinished quiz can be continued, such as
        /// `https://example.scoreapp.com/continue/64a6775915bf6092267456`.
        pub abandon_email_url: Option<String>,
        /// The URL of the report, such as
        /// `https://example.scoreapp.com/results/64a67a753fbb6186785302/pdf`.
        pub report: Option<String>,
        /// The URL of the results, such as
        /// `https://example.scoreapp.com/results/64a67a753fbb6186785302`.
        pub result_url: Option<String>,
        /// The category with the lowest score.
        pub lowest_category: Option<Category>,
        /// The category with the highest score.
        pub highest_category: Option<Category>,
        /// The score over all categories.
        pub total_score: Option<Score>,
        /// The scores of the categories.
        pub category_scores: Vec<CategoryScore>,
        /// The audiences that the lead belongs to. Only some of `ScoreApp`'s plans have audiences.
        pub audiences: Vec<Audience>,
    }
}

crate::payload! {
    /// A question with its answers.
    pub struct Question {
        /// The question's id, such as `0f9d99a8-1835-46d7-bb1f-86b579195797`.
        pub id: Option<String>,
        /// The question's text, such as `How many employees do you have?`.
        pub question: Option<String>,
        /// The answers. There can be several if the question allows it.
        pub answers: Vec<Answer>,
    }
}

crate::payload! {
    /// An answer to a question.
    pub struct Answer {
        /// The answer's text, such as `No`.
        pub answer: Option<String>,
    }
}

crate::payload! {
    /// A category of a quiz.
    pub struct Category {
        /// The category's id, such as `433cad86-ce58-4755-9b97-16cbbea42b15`. In the documented samples
        /// a category has another id in `category_scores`, so compare titles.
        pub id: Option<String>,
        /// The category's title, such as `Category 2`.
        pub title: Option<String>,
    }
}

crate::payload! {
    /// A score on three scales.
    pub struct Score {
        /// The points, such as `67`.
        pub actual: Option<f64>,
        /// The score in percent, rounded, such as `54`.
        pub percent: Option<f64>,
        /// The score on a scale of 0 to 10, such as `5.36`.
        pub denominator10: Option<f64>,
        /// The label that the quiz's owner gave to the score, such as `medium`. It can be any text.
        pub tier: Option<String>,
    }
}

crate::payload! {
    /// The score of one category, on three scales.
    pub struct CategoryScore {
        /// The points, such as `56`.
        pub actual: Option<f64>,
        /// The score in percent, rounded, such as `50`.
        pub percent: Option<f64>,
        /// The score on a scale of 0 to 10, such as `4.96`.
        pub denominator10: Option<f64>,
        /// The label that the quiz's owner gave to the score, such as `medium`. It can be any text.
        pub tier: Option<String>,
        /// The category.
        pub category: Option<Category>,
    }
}

crate::payload! {
    /// An audience, which is a group of leads.
    pub struct Audience {
        /// The audience's id, such as `30672ea7-8515-46bd-bde1-09b8e0986873`.
        pub id: Option<String>,
        /// The audience's name, such as `Audience 1`.
        pub name: Option<String>,
    }
}

impl QuizSubmission {
    /// Returns the person who took the quiz, or `None` as long as no contact data is known.
    ///
    /// Company, job title, website, and all other contact data that is missing elsewhere are taken from
    /// the lead form. The spelling of its questions doesn't matter, so `Job title` and `job_title` are
    /// the same. The lead's id is the id of the sitting.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        let form = contact::lead_of(
            self.lead_form_questions
                .iter()
                .filter_map(|asked| Some((asked.question.as_deref()?.into(), asked))),
            |asked| {
                let mut answers = asked.answers.iter().map(|answer| answer.answer.as_deref());
                answers.find_map(known)
            },
        );
        let score = self.total_score.as_ref();
        Lead {
            id: Some(self.id.clone()),
            email: known(self.email.as_deref()).or(form.email),
            first_name: known(self.first_name.as_deref()).or(form.first_name),
            last_name: known(self.last_name.as_deref()).or(form.last_name),
            phone: known(self.phone.as_deref()).or(form.phone),
            score: score.and_then(|score| score.percent),
            rating: score.and_then(|score| score.tier.clone()),
            ..form
        }
        .tidy()
    }

    /// Returns the answers to the question with this text, in the quiz or else in the lead form.
    ///
    /// Case and surrounding white space are ignored. The iterator is empty if the question was not
    /// asked.
    pub fn answers_to(&self, question: &str) -> impl Iterator<Item = &str> {
        self.quiz_questions
            .iter()
            .chain(&self.lead_form_questions)
            .find(|asked| is_titled(asked.question.as_deref(), question))
            .into_iter()
            .flat_map(|asked| &asked.answers)
            .filter_map(|answer| answer.answer.as_deref())
    }

    /// Returns the score of the category with this title.
    ///
    /// Case and surrounding white space are ignored.
    #[must_use]
    pub fn category_score(&self, title: &str) -> Option<&CategoryScore> {
        self.category_scores.iter().find(|score| {
            let category = score.category.as_ref();
            is_titled(
                category.and_then(|category| category.title.as_deref()),
                title,
            )
        })
    }
}

/// Returns a text that is not blank.
fn known(text: Option<&str>) -> Option<String> {
    text.filter(|text| !is_blank(text)).map(String::from)
}

fn is_titled(title: Option<&str>, wanted: &str) -> bool {
    title.is_some_and(|title| title.trim().to_lowercase() == wanted.trim().to_lowercase())
}
