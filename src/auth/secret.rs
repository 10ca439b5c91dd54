//! The shared secret, and the error for a value that can't be one.

use alloc::boxed::Box;
use alloc::string::String;
use core::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use zeroize::Zeroizing;

/// A webhook signing secret or a static token that is shared with a provider.
///
/// A secret is never empty and is never printed: `Debug` writes `Secret(…)`, and there is no
/// `Display`, no `Serialize` and no comparison. Its memory is wiped when it is dropped. Copies that
/// the environment, a configuration file or a deserializer made before are out of reach.
///
/// Short secrets are accepted, because `ScoreApp`'s users choose their secret themselves, and a public
/// project uses `12345`. Choose a long random one wherever you can.
///
/// ```
/// use leadhook::{Secret, SecretErrorKind};
///
/// let secret = Secret::new("whsec_5d41402abc4b")?;
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
///
/// let pasted = Secret::new("whsec_5d41402abc4b\n").unwrap_err();
/// assert_eq!(pasted.kind(), SecretErrorKind::SurroundingWhitespace);
/// # Ok::<(), leadhook::SecretError>(())
/// ```
///
/// Configuration crates can hold a secret, because it implements `FromStr`, `TryFrom<String>` and
/// `Deserialize`:
///
/// ```
/// #[derive(Debug, serde::Deserialize)]
/// struct Config {
///     graphoid_secret: leadhook::Secret,
/// }
///
/// let json = r#"{"graphoid_secret": "whsec_5d41402abc4b"}"#;
/// let config: Config = serde_json::from_str(json)?;
/// assert_eq!(format!("{config:?}"), "Config { graphoid_secret: Secret(…) }");
///
/// let unquoted = r#"{"graphoid_secret": 12345}"#;
/// let error = serde_json::from_str::<Config>(unquoted).unwrap_err().to_string();
/// assert!(error.starts_with("a secret must be a string; put it in quotes"));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Some configuration crates read a variable that has only digits as a number, and a number is not a secret.
/// With `figment`, put double quotes around the value within the variable, which is
/// `SCOREAPP_SECRET='"12345"'` in a shell. Or read the variable with `Secret::from_env`, which never reads a
/// number.
///
/// A secret can be neither displayed nor compared, so these two functions do not compile:
///
/// ```compile_fail,E0277
/// fn log(secret: &leadhook::Secret) -> String {
///     format!("{secret}")
/// }
/// ```
///
/// ```compile_fail,E0369
/// fn check(secret: leadhook::Secret, sent: leadhook::Secret) -> bool {
///     secret == sent
/// }
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Creates a secret from a string.
    ///
    /// # Errors
    ///
    /// [`Empty`](SecretErrorKind::Empty),
    /// [`SurroundingWhitespace`](SecretErrorKind::SurroundingWhitespace) and
    /// [`OnlyNul`](SecretErrorKind::OnlyNul). Such values come from careless pastes and wrong environment
    /// variables.
    pub fn new(secret: &str) -> Result<Self, SecretError> {
        if secret.trim_matches(is_blank).len() == secret.len() {
            Self::from_bytes(secret.as_bytes())
        } else {
            Err(SecretErrorKind::SurroundingWhitespace.into())
        }
    }

    /// Creates a secret from arbitrary bytes, white space included.
    ///
    /// # Errors
    ///
    /// [`Empty`](SecretErrorKind::Empty) and [`OnlyNul`](SecretErrorKind::OnlyNul).
    pub fn from_bytes(secret: &[u8]) -> Result<Self, SecretError> {
        if secret.is_empty() {
            Err(SecretErrorKind::Empty.into())
        } else if secret.iter().all(|&byte| byte == 0) {
            Err(SecretErrorKind::OnlyNul.into())
        } else {
            Ok(Self(Zeroizing::new(secret.into())))
        }
    }

    /// Reads a secret from an environment variable.
    ///
    /// The variable is not changed and stays readable by the process. Needs the `std` feature.
    ///
    /// # Errors
    ///
    /// [`NotSet`](SecretErrorKind::NotSet) and [`NotUnicode`](SecretErrorKind::NotUnicode) for the
    /// variable, and the errors of [`new`](Self::new) for its value. The error names the variable.
    #[cfg(feature = "std")]
    pub fn from_env(variable: &str) -> Result<Self, SecretError> {
        use std::env::VarError;

        let secret = match std::env::var(variable) {
            Ok(value) => Self::new(&Zeroizing::new(value)),
            Err(VarError::NotPresent) => Err(SecretErrorKind::NotSet.into()),
            Err(VarError::NotUnicode(_)) => Err(SecretErrorKind::NotUnicode.into()),
        };
        secret.map_err(|error| SecretError {
            variable: Some(variable.into()),
            ..error
        })
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Returns whether a character is white space, a byte order mark or a zero-width character.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{FEFF}' | '\u{200B}'..='\u{200D}' | '\u{2060}')
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(secret: &str) -> Result<Self, SecretError> {
        Self::new(secret)
    }
}

/// Wipes the string.
impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(secret: String) -> Result<Self, SecretError> {
        Self::new(&Zeroizing::new(secret))
    }
}

/// Reads a string and nothing else. The errors never contain the value.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;

        /// Rejects a value of another type without looking at it, so that no error can contain it.
        fn not_a_string<T, E: Error>() -> Result<T, E> {
            Err(E::custom("a secret must be a string; put it in quotes"))
        }

        impl Visitor<'_> for SecretVisitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, secret: &str) -> Result<Secret, E> {
                Secret::new(secret).map_err(E::custom)
            }

            fn visit_string<E: Error>(self, secret: String) -> Result<Secret, E> {
                secret.try_into().map_err(E::custom)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                not_a_string()
            }

            fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Secret, E> {
                not_a_string()
            }
        }

        deserializer.deserialize_any(SecretVisitor)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The error returned when a value is not a usable [`Secret`].
///
/// It names the environment variable if one was read, and never contains the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}{}{kind}", variable.as_deref().unwrap_or_default(), if variable.is_some() { ": " } else { "" })]
pub struct SecretError {
    kind: SecretErrorKind,
    variable: Option<Box<str>>,
}

impl SecretError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// Returns the name of the environment variable if one was read.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }
}

impl From<SecretErrorKind> for SecretError {
    fn from(kind: SecretErrorKind) -> Self {
        Self {
            kind,
            variable: None,
        }
    }
}

/// The kind of a [`SecretError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// The secret is empty, so anyone could sign with it.
    #[error("the secret is empty")]
    Empty,
    /// There is white space, a byte order mark or a zero-width character at either end, as after a
    /// careless paste.
    #[error("the secret has white space or an invisible character at its start or end; remove it")]
    SurroundingWhitespace,
    /// All bytes are NUL. HMAC pads keys with NUL, so this is the same as the empty key.
    #[error("the secret consists of NUL bytes only")]
    OnlyNul,
    /// The environment variable is not set.
    #[error("the environment variable is not set")]
    NotSet,
    /// The environment variable's value is not Unicode.
    #[error("the environment variable is not Unicode")]
    NotUnicode,
}
