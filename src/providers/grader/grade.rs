//! The grade of a submission.

use alloc::string::String;
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;

/// The grade of a submission, which goes with its score.
///
/// The variants are Grader.io's default grades. By its API reference, the owner of a grader can set other
/// categories and thresholds. A text with another spelling, such as `Hot`, is [`Other`](Self::Other).
///
/// ```
/// use leadhook::grader::Grade;
///
/// fn team(grade: &Grade) -> &'static str {
///     match grade {
///         Grade::Hot => "sales",
///         Grade::Warm => "nurturing",
///         _ => "newsletter",
///     }
/// }
///
/// assert_eq!(team(&Grade::from("hot")), "sales");
/// assert_eq!(team(&Grade::from("lukewarm")), "newsletter");
/// assert_eq!(Grade::from("lukewarm").as_str(), "lukewarm");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grade {
    /// `hot`: by default a score of 80 to 100 (Grader.io's page on understanding graders).
    Hot,
    /// `warm`: by default a score of 50 to 79.
    Warm,
    /// `cold`: by default a score of 20 to 49.
    Cold,
    /// `disqualified`: by default a score below 20.
    Disqualified,
    /// Any other grade, as it was sent.
    Other(String),
}

impl Grade {
    /// Returns the grade as it is sent, such as `hot`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Disqualified => "disqualified",
            Self::Other(grade) => grade,
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Grade {
    fn from(grade: &str) -> Self {
        match grade {
            "hot" => Self::Hot,
            "warm" => Self::Warm,
            "cold" => Self::Cold,
            "disqualified" => Self::Disqualified,
            other => Self::Other(other.into()),
        }
    }
}

impl From<Grade> for String {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Other(grade) => grade,
            documented => documented.as_str().into(),
        }
    }
}

impl Field for Grade {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        match json.scalar() {
            Some(grade) => Ok(Some(Self::from(&*grade))),
            None if json.is_null() => Ok(None),
            None => Err(json.unexpected()),
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Grade {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GradeVisitor;

        impl Visitor<'_> for GradeVisitor {
            type Value = Grade;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a grade")
            }

            fn visit_str<E: Error>(self, grade: &str) -> Result<Grade, E> {
                Ok(grade.into())
            }
        }

        // A grade is compared, and kept only if it is not a documented one.
        deserializer.deserialize_str(GradeVisitor)
    }
}
