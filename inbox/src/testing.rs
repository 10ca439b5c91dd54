//! Tests of handlers, without sleeping.

use std::time::{Duration, Instant};

use tokio::{runtime::Handle, sync::mpsc, time};

use crate::{
    database::{engine::Backend, schema},
    error::Error,
    work::{
        Workers,
        control::{ending, say},
        handler::{Handler, Outcome},
        process::{Claimed, Ended, Share, Suspect, Wanted},
        slots::Slots,
    },
};

/// The result of [`Workers::run_until_idle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many attempts there were.
    pub attempts: u64,
    /// By how much the virtual clock was advanced.
    pub waited: Duration,
}

impl<B: Backend> Workers<B> {
    /// Runs the handlers, one after another, until no row of theirs waits any more. For tests.
    ///
    /// The inbox's clock jumps to the time at which the next row is due, so that retries take no time.
    /// Clocks of other inboxes, of tokio and of the machine stay as they are. Source limits don't apply,
    /// and all other processes are treated as dead.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub async fn run_until_idle(self) -> Result<Report, Error> {
        self.validate()?;
        schema::check(&self.database).await?;
        let runtime = Handle::current();
        let database = self.database.clone();
        let report = database.thread().spawn(run(self, runtime))?;
        report.await
    }
}

async fn run<B: Backend>(workers: Workers<B>, runtime: Handle) -> Result<Report, Error> {
    let (results, mut finished) = mpsc::unbounded_channel();
    let mut slots = Slots::new(runtime, results);
    // Nothing beats while a handler runs, and nothing has to: no other process judges this one.
    let mut process = workers.process(Duration::from_hours(1))?;
    let tools = workers.tools();
    let Workers {
        database,
        handlers,
        settings,
        ..
    } = workers;
    let shares = handlers.iter().map(|handler| Share {
        source: handler.source.name.clone(),
        slots: 1,
        taken: 0,
        left: 1,
    });
    let shares: Vec<Share> = shares.collect();
    let mut report = Report::default();
    process.judge_all().await?;
    loop {
        // As the workers do at each poll: who waits for others, and who may go on.
        process.suspects().await?;
        process.sweep().await?;
        let mut claimed = Vec::new();
        for suspect in [Some(Suspect::Alone), Some(Suspect::Beside), None] {
            let wanted = Wanted {
                slots: 1,
                taken: 0,
                shares: match suspect {
                    None => shares.clone(),
                    Some(_) => Vec::new(),
                },
                suspect,
            };
            let turn = process.turn(&[], &wanted, Instant::now()).await?;
            claimed.extend(turn.claimed);
        }
        if claimed.is_empty() {
            let Some(due_in) = process.next_due().await? else {
                process.leave().await?;
                return Ok(report);
            };
            let millis = due_in.max(1);
            database.advance_clock(millis);
            report.waited += Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        }
        for claimed in claimed {
            report.attempts += 1;
            let claim = claimed.claim.clone();
            let outcome = match handler(&handlers, &claimed) {
                Some(handler) => {
                    let attempt = handler.begin(claimed, tools.clone());
                    let cancel = slots.start(report.attempts, attempt)?;
                    let first = time::timeout(settings.timeout, finished.recv()).await;
                    drop(cancel);
                    let result = match first {
                        Ok(result) => result,
                        Err(_) => finished.recv().await,
                    };
                    match result.map(|result| slots.free(result)) {
                        Some((_, outcome)) => outcome,
                        None => Outcome::PANICKED,
                    }
                }
                None => continue, // only rows with a handler are claimed
            };
            let ended: Ended = ending(claim, outcome, &settings.backoff);
            let (nothing, now) = (Wanted::default(), Instant::now());
            let turn = process.turn(std::slice::from_ref(&ended), &nothing, now);
            for settled in turn.await?.settled.into_iter().flatten() {
                say(&ended, settled);
            }
        }
    }
}

fn handler<'a, B: Backend>(
    handlers: &'a [Handler<B>],
    claimed: &Claimed,
) -> Option<&'a Handler<B>> {
    let source = &claimed.claim.source;
    handlers
        .iter()
        .find(|handler| handler.source.name == *source)
}
