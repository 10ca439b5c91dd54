//! Why a command failed, and its exit status.

use std::io;

use leadhook::{ReadError, RejectionKind, SecretError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Rejected(#[from] RejectionKind),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}: {1}")]
    Unreachable(String, io::Error),
    #[cfg(feature = "inbox")]
    #[error("{0}")]
    Database(String),
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Rejected(RejectionKind::Verify(_)) => 1,
            Self::Rejected(RejectionKind::Read(ReadError::UnexpectedShape { .. })) => 3,
            Self::Rejected(_) => 2,
            Self::Secret(_) | Self::File(..) | Self::Usage(_) => 64,
            Self::Unreachable(..) => 69,
            #[cfg(feature = "inbox")]
            Self::Database(_) => 69,
            Self::Output(_) => 74,
        }
    }
}
