//! The shared secret, and what can't be one.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroizing;

/// A secret shared with a provider: a webhook signing secret or a static token.
///
/// It is never empty, its memory is wiped when it is dropped, and nothing prints it: `Debug` writes
/// `Secret(…)`. There is no comparison; a [`Verifier`](crate::Verifier) or a
/// [`Receiver`](crate::Receiver) compares what a secret gives, in constant time. Short secrets are
/// accepted, because `ScoreApp` lets its users choose one like `12345`; a long random one is for you
/// to choose.
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
/// It can neither be displayed nor compared:
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
    /// Makes a secret of a text.
    ///
    /// # Errors
    ///
    /// [`Empty`](SecretErrorKind::Empty) for the empty text, with which anyone could sign, and
    /// [`SurroundingWhitespace`](SecretErrorKind::SurroundingWhitespace) where white space stands at
    /// either end: both are what an environment variable set wrongly or a sloppy paste gives.
    pub fn new(secret: &str) -> Result<Self, SecretError> {
        if secret.trim().len() == secret.len() {
            Self::from_bytes(secret.as_bytes())
        } else {
            Err(SecretErrorKind::SurroundingWhitespace.into())
        }
    }

    /// Makes a secret of any bytes, white space included.
    ///
    /// # Errors
    ///
    /// [`Empty`](SecretErrorKind::Empty) where there are none.
    pub fn from_bytes(secret: &[u8]) -> Result<Self, SecretError> {
        if secret.is_empty() {
            Err(SecretErrorKind::Empty.into())
        } else {
            Ok(Self(Zeroizing::new(secret.into())))
        }
    }

    /// Reads a secret from an environment variable. Needs the `std` feature.
    ///
    /// The variable itself is not changed and stays readable by the process.
    ///
    /// # Errors
    ///
    /// [`NotSet`](SecretErrorKind::NotSet) and [`NotUnicode`](SecretErrorKind::NotUnicode) for the
    /// variable, and those of [`new`](Self::new) for its value. The error names the variable.
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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a text can't be a [`Secret`].
///
/// It names the environment variable where one was read, and never its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}{}{kind}", variable.as_deref().unwrap_or_default(), if variable.is_some() { ": " } else { "" })]
pub struct SecretError {
    kind: SecretErrorKind,
    variable: Option<Box<str>>,
}

impl SecretError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }

    /// The environment variable that was read, if one was.
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

/// What is wrong with a text that was to be a [`Secret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// The secret has no bytes: with an empty key anyone can sign.
    #[error("the secret is empty")]
    Empty,
    /// White space stands before or after the secret, as after a paste.
    #[error("the secret has white space at its start or end")]
    SurroundingWhitespace,
    /// The environment variable is not set.
    #[error("the environment variable is not set")]
    NotSet,
    /// The environment variable's value is not Unicode.
    #[error("the environment variable is not Unicode")]
    NotUnicode,
}
