//! The threads that handlers run on.
//!
//! A handler runs within the application's runtime, so its connections, timers and tasks are the
//! application's, but on a thread of the inbox's. A handler that blocks its thread blocks nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

use tokio::{
    runtime::Handle,
    sync::{mpsc::UnboundedSender, oneshot},
};

use crate::{
    error::Error,
    work::handler::{Attempt, Outcome},
};

/// Threads that wait for attempts.
pub(crate) struct Slots {
    runtime: Handle,
    results: UnboundedSender<Finished>,
    idle: Vec<Slot>,
}

/// An attempt that is over: its future is dropped.
pub(crate) struct Finished {
    /// The number that [`Slots::start`] was given.
    pub(crate) number: u64,
    pub(crate) outcome: Outcome,
    slot: Slot,
}

type Slot = mpsc::Sender<(u64, Attempt, oneshot::Receiver<()>)>;

impl Slots {
    pub(crate) fn new(runtime: Handle, results: UnboundedSender<Finished>) -> Self {
        Self {
            runtime,
            results,
            idle: Vec::new(),
        }
    }

    /// Starts an attempt on a thread that is free, or on a new one. It is cancelled when the returned sender is
    /// dropped.
    pub(crate) fn start(
        &mut self,
        number: u64,
        attempt: Attempt,
    ) -> Result<oneshot::Sender<()>, Error> {
        let (cancel, cancelled) = oneshot::channel();
        let slot = match self.idle.pop() {
            Some(slot) => slot,
            None => self.spawn()?,
        };
        // A thread that waits for attempts receives them.
        let _ = slot.send((number, attempt, cancelled));
        Ok(cancel)
    }

    /// Takes the thread of an attempt that is over.
    pub(crate) fn free(&mut self, finished: Finished) -> (u64, Outcome) {
        self.idle.push(finished.slot);
        (finished.number, finished.outcome)
    }

    fn spawn(&self) -> Result<Slot, Error> {
        let (slot, attempts) = mpsc::channel();
        let own = slot.clone();
        let runtime = self.runtime.clone();
        let results = self.results.clone();
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        thread::Builder::new()
            .name("leadhook-inbox handler".into())
            .spawn(move || {
                let _subscriber = tracing::dispatcher::set_default(&subscriber);
                for (number, attempt, cancelled) in attempts {
                    let outcome = run(&runtime, attempt, cancelled);
                    let finished = Finished {
                        number,
                        outcome,
                        slot: own.clone(),
                    };
                    if results.send(finished).is_err() {
                        return; // the workers have ended
                    }
                }
            })
            .map_err(|error| Error::Thread(error.into()))?;
        Ok(slot)
    }
}

/// Runs an attempt to its end. Its future is dropped before this returns, so that no part of the work outlives
/// the claim.
fn run(runtime: &Handle, attempt: Attempt, cancelled: oneshot::Receiver<()>) -> Outcome {
    let run = AssertUnwindSafe(|| {
        runtime.block_on(async move {
            tokio::select! {
                outcome = attempt => outcome,
                _ = cancelled => Outcome::CANCELLED,
            }
        })
    });
    catch_unwind(run).unwrap_or(Outcome::PANICKED)
}
