//! ScoreApp, quizzes and scorecards: quizzes that are started and finished, leads that sign up.
//!
//! ScoreApp signs where its user set a secret (header `Scoreapp-Signature`, bare hex), waits 10 s
//! for any 2xx, and resends up to 5 times. It sends no id and no time of its own. Source: ScoreApp's
//! webhook documentation. That the attempts lie 10, 100, 1,000 and 10,000 s apart and have the same
//! bytes is an assumption, after the package that ScoreApp appears to send with.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::signature::SignatureFormat;
use crate::lead::Lead;
use crate::provider::{EnvelopeKeys, Layout, Provider, Signed, SignedProvider};
use crate::read::raw_json::RawJson;

/// The provider `ScoreApp`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ScoreApp;

impl Provider for ScoreApp {
    const NAME: &'static str = "scoreapp";
    const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("event_name", "data"));
    /// The last attempt is assumed to come 3 h 5 min after the first.
    const RETRY_WINDOW: Duration = Duration::from_secs(12 * 60 * 60);
    type Authentication = Signed;
    type Event = ScoreAppEvent;
}

impl SignedProvider for ScoreApp {
    const HEADER: &'static str = "scoreapp-signature";
    const FORMAT: SignatureFormat = SignatureFormat::Hex;
}

events! {
    /// An event of `ScoreApp`. All four carry the state of one sitting of a quiz.
    ///
    /// Their order is not promised.
    pub enum ScoreAppEvent of ScoreApp {
        /// The first question was answered. There is lead data only if the lead form comes first.
        QuizStarted(Box<QuizSubmission>) = "QUIZ_STARTED",
        /// The last question was answered. There is lead data only if the lead form comes first.
        QuizFinished(Box<QuizSubmission>) = "QUIZ_FINISHED",
        /// The lead form was sent. There are answers and scores only if it comes last.
        LeadSignedUp(Box<QuizSubmission>) = "LEAD_SIGNED_UP",
        /// The lead's details were changed after the results were shown.
        LeadDetailsUpdated(Box<QuizSubmission>) = "LEAD_DETAILS_UPDATED",
    }
}

payload! {
    /// One sitting of a quiz: who took it, the answers, and the scores once it is finished.
    pub struct QuizSubmission {
        /// The id of the sitting, the same for all of its events.
        pub id: String,
        /// `Started` or `Finished`, as documented.
        pub status: Option<String>,
        /// The key of the results page. It can be guessed: it is no secret.
        pub key: Option<String>,
        /// The lead's first name.
        pub first_name: Option<String>,
        /// The lead's last name.
        pub last_name: Option<String>,
        /// The lead's e-mail address.
        pub email: Option<String>,
        /// The lead's phone number. Not documented; public receivers read it.
        pub phone: Option<String>,
        /// When the quiz was started.
        pub started_at: Option<DateTime<Utc>>,
        /// When the quiz was finished.
        pub finished_at: Option<DateTime<Utc>>,
        /// Whether the lead agreed to be contacted.
        pub opt_in: Option<bool>,
        /// How the lead agreed: `Implied` in the documented samples.
        pub opt_in_detail: Option<String>,
        /// The campaign's source.
        pub utm_source: Option<String>,
        /// The campaign's name.
        pub utm_campaign: Option<String>,
        /// The campaign's medium.
        pub utm_medium: Option<String>,
        /// The campaign's term.
        pub utm_term: Option<String>,
        /// The campaign's content.
        pub utm_content: Option<String>,
        /// The lead's IP address.
        pub ip_address: Option<String>,
        /// The questions of the lead form, custom fields among them.
        pub lead_form_questions: Vec<Question>,
        /// The questions of the quiz.
        pub quiz_questions: Vec<Question>,
        /// Where the lead can go on with a quiz that was not finished.
        pub abandon_email_url: Option<String>,
        /// The URL of the report as a PDF.
        pub report: Option<String>,
        /// The URL of the results page.
        pub result_url: Option<String>,
        /// The category with the lowest score.
        pub lowest_category: Option<Category>,
        /// The category with the highest score.
        pub highest_category: Option<Category>,
        /// The score over all categories.
        pub total_score: Option<Score>,
        /// The score of each category.
        pub category_scores: Vec<CategoryScore>,
        /// The audiences that the lead belongs to.
        pub audiences: Vec<Audience>,
    }
}

payload! {
    /// A question, and what was answered.
    pub struct Question {
        /// The question's id.
        pub id: Option<String>,
        /// The question's text.
        pub question: Option<String>,
        /// The answers: several where the question allows it.
        pub answers: Vec<Answer>,
    }
}

payload! {
    /// An answer to a question.
    pub struct Answer {
        /// The answer's text.
        pub answer: Option<String>,
    }
}

payload! {
    /// A category of a quiz.
    pub struct Category {
        /// The category's id. In the documented samples those of the lowest and the highest category
        /// don't occur among the scores: compare titles.
        pub id: Option<String>,
        /// The category's title.
        pub title: Option<String>,
    }
}

payload! {
    /// A score on three scales.
    pub struct Score {
        /// The points.
        pub actual: Option<f64>,
        /// The score in percent, rounded.
        pub percent: Option<f64>,
        /// The score on a scale of 0 to 10.
        pub denominator10: Option<f64>,
        /// The customer's own label for the score, any text.
        pub tier: Option<String>,
    }
}

payload! {
    /// The score of one category, on three scales.
    pub struct CategoryScore {
        /// The points.
        pub actual: Option<f64>,
        /// The score in percent, rounded.
        pub percent: Option<f64>,
        /// The score on a scale of 0 to 10.
        pub denominator10: Option<f64>,
        /// The customer's own label for the score, any text.
        pub tier: Option<String>,
        /// The category.
        pub category: Option<Category>,
    }
}

payload! {
    /// An audience, which ScoreApp offers on some plans only.
    pub struct Audience {
        /// The audience's id.
        pub id: Option<String>,
        /// The audience's name.
        pub name: Option<String>,
    }
}

impl QuizSubmission {
    /// The lead who took the quiz: everything but the contact data may still be unknown.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        let score = self.total_score.as_ref();
        Lead {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            phone: self.phone.clone(),
            score: score.and_then(|score| score.percent),
            rating: score.and_then(|score| score.tier.clone()),
            ..Lead::default()
        }
        .tidy()
    }

    /// The answers to the question with this text, of the quiz or else of the lead form.
    ///
    /// Case and white space around the text don't matter. There are none where it was not asked.
    pub fn answers_to(&self, question: &str) -> impl Iterator<Item = &str> {
        self.quiz_questions
            .iter()
            .chain(&self.lead_form_questions)
            .find(|asked| is_titled(asked.question.as_deref(), question))
            .into_iter()
            .flat_map(|asked| &asked.answers)
            .filter_map(|answer| answer.answer.as_deref())
    }

    /// The score of the category with this title. Case and white space around it don't matter.
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

fn is_titled(title: Option<&str>, wanted: &str) -> bool {
    title.is_some_and(|title| title.trim().to_lowercase() == wanted.trim().to_lowercase())
}
