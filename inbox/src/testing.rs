//! Tests of handlers, without sleeping.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    backend::Backend,
    claim::Kind,
    error::Error,
    inbox::{Inbox, millis},
    poller::{handle, lease},
    workers::Workers,
};

#[cfg(feature = "sqlite")]
impl Inbox<sqlx::Sqlite> {
    /// Opens an empty inbox for a test, in a file that is removed with the inbox.
    ///
    /// # Errors
    ///
    /// If the file can't be created.
    pub async fn temporary() -> Result<Self, Error> {
        let name = format!("leadhook-inbox-{}.db", lease()?);
        let file = TemporaryFile(std::env::temp_dir().join(name));
        let inbox = Self::open(&file.0).await?;
        Ok(inbox.with_file(file))
    }
}

/// A file of SQLite's and those beside it, to be removed.
pub(crate) struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = fs::remove_file(path);
        }
    }
}

/// The result of [`Workers::run_until_idle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How often a handler ran.
    pub tries: u64,
    /// By how much the virtual clock was advanced.
    pub waited: Duration,
}

impl<B: Backend> Workers<B> {
    /// Runs the handlers, one after another, until no row of theirs waits any more. For tests.
    ///
    /// The inbox's clock jumps to the time at which the next row is due, so that retries take no time. Clocks
    /// of other inboxes, of tokio and of the machine stay as they are.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn run_until_idle(self) -> Result<Report, Error> {
        self.validate()?;
        let Self {
            inbox,
            handlers,
            settings,
        } = self;
        let sources: Vec<_> = handlers
            .iter()
            .map(|handler| handler.source.clone())
            .collect();
        let handlers = Arc::from(handlers);
        let mut report = Report::default();
        loop {
            let dead_after = settings.dead_after_abandoned;
            inbox.recover(&sources, Vec::new(), dead_after).await?;
            let mut claimed = Vec::new();
            for kind in [Kind::Suspect, Kind::Normal] {
                let lease = lease()?;
                claimed.extend(
                    inbox
                        .claim(kind, &sources, &lease, settings.lease, 1)
                        .await?,
                );
            }
            if claimed.is_empty() {
                let Some(due_in) = inbox.next_due(&sources).await? else {
                    return Ok(report);
                };
                let millis = due_in.max(1);
                inbox.advance_clock(millis);
                report.waited += Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            }
            for claimed in claimed {
                report.tries += 1;
                let claim = claimed.claim.clone();
                handle(&handlers, claimed, &claim, &settings).await;
            }
        }
    }
}

impl<B: Backend> Inbox<B> {
    /// Advances this inbox's clock, and that of its clones. For tests, of pruning for example.
    pub fn advance(&self, time: Duration) {
        self.advance_clock(millis(time));
    }
}
