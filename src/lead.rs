//! One view of the person or company behind an event, whoever the sender is.

use alloc::{format, string::String};

use serde::{Deserialize, Serialize, Serializer};

/// The person or company that an event is about, in the same words for every provider.
///
/// It serializes with all ten keys, null where nothing is known. A text that was sent empty is not
/// known. Names are never split: `full_name` is as sent, or joined from its two parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Lead {
    /// The provider's id.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The full name, as sent or joined from first and last name.
    pub full_name: Option<String>,
    /// The company's name.
    pub company: Option<String>,
    /// The title or position within the company.
    pub job_title: Option<String>,
    /// The phone number, as it was sent.
    pub phone: Option<String>,
    /// The website or its domain, as it was sent.
    pub website: Option<String>,
    /// How good the lead is as a number, on the provider's scale: `score` of Grader.io,
    /// `total_score.percent` of `ScoreApp`, `score` of a lead saved at Tomba. None for look-ups, whose
    /// score is how deliverable an address is.
    #[serde(serialize_with = "without_needless_fraction")]
    pub score: Option<f64>,
    /// How good the lead is as a word of the provider or of its customer: `grade` of Grader.io, `tier`
    /// of `ScoreApp`.
    pub rating: Option<String>,
}

impl Lead {
    /// Clears texts that were sent empty and joins the full name if only its parts were sent.
    ///
    /// Returns `None` if that leaves nothing that tells who the lead is.
    pub(crate) fn tidy(mut self) -> Option<Self> {
        let who = [
            &mut self.email,
            &mut self.first_name,
            &mut self.last_name,
            &mut self.full_name,
            &mut self.company,
            &mut self.job_title,
            &mut self.phone,
            &mut self.website,
        ];
        let mut is_known = false;
        for text in who {
            clear_if_empty(text);
            is_known |= text.is_some();
        }
        if !is_known {
            return None;
        }
        clear_if_empty(&mut self.id);
        clear_if_empty(&mut self.rating);
        if let (None, Some(first), Some(last)) =
            (&self.full_name, &self.first_name, &self.last_name)
        {
            self.full_name = Some(format!("{first} {last}"));
        }
        Some(self)
    }
}

fn clear_if_empty(text: &mut Option<String>) {
    text.take_if(|text| text.trim().is_empty());
}

/// Serializes a whole number without a fraction: 87, not 87.0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    clippy::ref_option,
    reason = "serde passes the field by reference, and a value that does not come back the same keeps its fraction"
)]
fn without_needless_fraction<S: Serializer>(
    score: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match *score {
        Some(score) if score as i64 as f64 == score => serializer.serialize_i64(score as i64),
        score => score.serialize(serializer),
    }
}
