//! One view of the person or company behind an event, for every provider.

use alloc::{format, string::String};

use serde::{Deserialize, Serialize, Serializer};

/// The person or company that an event is about, with the same fields for every provider.
///
/// There is a lead only if an e-mail address, a name, a company, a job title, a phone number or a
/// website is known. A blank text counts as unknown, and surrounding white space is removed. The payload
/// keeps both as they were sent. A lead serializes with all eleven keys, with null for unknown values.
///
/// ```
/// use leadhook::{Delivery, Graphoid};
///
/// let body = r#"{
///     "event": "lead.won",
///     "data": {"lead": {"id": "lead_4mNp", "name": "Acme Corp"}}
/// }"#;
/// let envelope = Delivery::<Graphoid>::from_storage(body).read()?;
///
/// let lead = envelope.lead().expect("the company is known");
/// assert_eq!(lead.company.as_deref(), Some("Acme Corp"));
/// assert_eq!(lead.id.as_deref(), Some("lead_4mNp"));
/// assert_eq!(lead.email, None);
/// # Ok::<(), leadhook::ReadError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Lead {
    /// The provider's id of the record, such as `sub_xyz789`.
    ///
    /// It identifies a submission for Grader.io, a lead for Graphoid, and one sitting of a quiz for
    /// `ScoreApp` (assumed), so the same person can have several ids. Tomba's documented bodies have no id.
    pub id: Option<String>,
    /// The e-mail address, such as `john.doe@acme.com`.
    pub email: Option<String>,
    /// The first name, such as `John`.
    pub first_name: Option<String>,
    /// The last name, such as `Doe`.
    pub last_name: Option<String>,
    /// The full name as sent, or else joined from first and last name, such as `John Doe`.
    ///
    /// A full name is never split into first and last name.
    pub full_name: Option<String>,
    /// The company's name, such as `Acme Corporation`.
    pub company: Option<String>,
    /// The title or position within the company, such as `VP Marketing`.
    pub job_title: Option<String>,
    /// The phone number as it was sent, such as `+1-555-0123`.
    pub phone: Option<String>,
    /// The website or its domain as it was sent, such as `https://acme.com`.
    pub website: Option<String>,
    /// The quality of the lead as a number on the provider's scale, such as `87`.
    ///
    /// It is `score` for Grader.io (0 to 100 by default), `total_score.percent` for `ScoreApp`, and `score`
    /// for a lead that was saved at Tomba. The one documented body of Graphoid has no score. The score of a Tomba lookup is not used,
    /// because it says how sure Tomba is of its data.
    #[serde(serialize_with = "without_needless_fraction")]
    pub score: Option<f64>,
    /// The quality of the lead in words, such as `hot`.
    ///
    /// It is `grade` for Grader.io, and for `ScoreApp` the label that the quiz's owner gave to the score.
    pub rating: Option<String>,
}

impl Lead {
    /// Trims the contact data, clears blank texts, and joins the full name if only its parts were sent.
    ///
    /// Returns `None` if no value is left that identifies the person or company. Use it in
    /// [`Event::lead`](crate::Event::lead) of your own event:
    ///
    /// ```
    /// use leadhook::Lead;
    ///
    /// /// Returns the lead of an order, if the shop knows the buyer.
    /// fn lead(email: &str, first_name: &str, last_name: &str) -> Option<Lead> {
    ///     let mut lead = Lead::default();
    ///     lead.email = Some(email.to_owned());
    ///     lead.first_name = Some(first_name.to_owned());
    ///     lead.last_name = Some(last_name.to_owned());
    ///     lead.tidy()
    /// }
    ///
    /// let ann = lead("", "Ann", "Lee").expect("the name is known");
    /// assert_eq!((ann.email, ann.full_name.as_deref()), (None, Some("Ann Lee")));
    /// assert_eq!(lead("", " ", ""), None);
    /// ```
    #[must_use]
    pub fn tidy(mut self) -> Option<Self> {
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
            text.take_if(|text| is_blank(text));
            if let Some(text) = text {
                trim(text);
            }
            is_known |= text.is_some();
        }
        if !is_known {
            return None;
        }
        self.id.take_if(|id| is_blank(id));
        self.rating.take_if(|rating| is_blank(rating));
        if let (None, Some(first), Some(last)) =
            (&self.full_name, &self.first_name, &self.last_name)
        {
            self.full_name = Some(format!("{first} {last}"));
        }
        Some(self)
    }
}

/// Returns whether a text says nothing.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn trim(text: &mut String) {
    text.truncate(text.trim_end().len());
    text.drain(..text.len().saturating_sub(text.trim_start().len()));
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
