//! Types for the documented fields with a plain derive, which are strict, own their values and require
//! all fields that are not null.
#![allow(dead_code, reason = "only reading them is measured")]
#![allow(clippy::struct_field_names, reason = "the providers chose the names")]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};

/// chrono's own implementation for serde is slower than its parser for RFC 3339.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    let time = DateTime::parse_from_rfc3339(text).map_err(D::Error::custom)?;
    Ok(time.to_utc())
}

#[derive(Deserialize)]
pub(crate) struct LeadWon {
    id: String,
    event: String,
    #[serde(deserialize_with = "time")]
    timestamp: DateTime<Utc>,
    workspace_id: String,
    api_version: String,
    data: LeadWonData,
}

#[derive(Deserialize)]
struct LeadWonData {
    lead: WonLead,
}

#[derive(Deserialize)]
struct WonLead {
    id: String,
    name: String,
    value: f64,
    closed_by: String,
    #[serde(deserialize_with = "time")]
    closed_at: DateTime<Utc>,
}

#[derive(Deserialize)]
pub(crate) struct SubmissionScored {
    event: String,
    webhook_id: String,
    #[serde(deserialize_with = "time")]
    timestamp: DateTime<Utc>,
    data: ScoredData,
}

#[derive(Deserialize)]
struct ScoredData {
    submission: ScoredSubmission,
    grader: UsedGrader,
    routing: Routing,
}

#[derive(Deserialize)]
struct ScoredSubmission {
    id: String,
    #[serde(deserialize_with = "time")]
    created_at: DateTime<Utc>,
    score: f64,
    grade: String,
    source: String,
    form_data: Form,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    email: String,
    first_name: String,
    last_name: String,
    company: String,
    job_title: String,
    phone: String,
    website: String,
}

#[derive(Deserialize)]
struct UsedGrader {
    id: String,
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Routing {
    assigned_to: String,
    team: String,
    territory: String,
}

#[derive(Deserialize)]
pub(crate) struct QuizFinished {
    event_name: String,
    data: Box<Quiz>,
}

#[derive(Deserialize)]
struct Quiz {
    id: String,
    status: String,
    key: String,
    first_name: Option<String>,
    last_name: Option<String>,
    email: String,
    #[serde(deserialize_with = "time")]
    started_at: DateTime<Utc>,
    opt_in: bool,
    opt_in_detail: String,
    utm_source: Option<String>,
    utm_campaign: Option<String>,
    utm_medium: Option<String>,
    utm_term: Option<String>,
    utm_content: Option<String>,
    ip_address: String,
    lead_form_questions: Vec<Question>,
    quiz_questions: Vec<Question>,
    #[serde(deserialize_with = "time")]
    finished_at: DateTime<Utc>,
    report: String,
    lowest_category: Category,
    highest_category: Category,
    total_score: Score,
    category_scores: Vec<CategoryScore>,
    result_url: String,
    audiences: Vec<Audience>,
}

#[derive(Deserialize)]
struct Question {
    id: String,
    question: String,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    answer: String,
}

#[derive(Deserialize)]
struct Category {
    id: String,
    title: String,
}

#[derive(Deserialize)]
struct Score {
    actual: String,
    percent: f64,
    denominator10: f64,
    tier: String,
}

#[derive(Deserialize)]
struct CategoryScore {
    actual: String,
    percent: f64,
    denominator10: f64,
    tier: String,
    category: Category,
}

#[derive(Deserialize)]
struct Audience {
    id: String,
    name: String,
}
