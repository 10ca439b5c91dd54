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

/// A thread. It ends when nobody can give it an attempt any more.
#[derive(Clone)]
struct Slot(mpsc::Sender<Given>);

/// What a thread is given. While it runs an attempt, nobody else has its slot.
struct Given {
    number: u64,
    attempt: Attempt,
    cancelled: oneshot::Receiver<()>,
    slot: Slot,
}

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
        let given = Given {
            number,
            attempt,
            cancelled,
            slot: slot.clone(),
        };
        let _ = slot.0.send(given); // a thread that waits for attempts receives them
        Ok(cancel)
    }

    /// Takes the thread of an attempt that is over.
    pub(crate) fn free(&mut self, finished: Finished) -> (u64, Outcome) {
        self.idle.push(finished.slot);
        (finished.number, finished.outcome)
    }

    fn spawn(&self) -> Result<Slot, Error> {
        let (slot, attempts) = mpsc::channel::<Given>();
        let runtime = self.runtime.clone();
        let results = self.results.clone();
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        thread::Builder::new()
            .name("leadhook-inbox handler".into())
            .spawn(move || {
                let _subscriber = tracing::dispatcher::set_default(&subscriber);
                for given in attempts {
                    let outcome = run(&runtime, given.attempt, given.cancelled);
                    let finished = Finished {
                        number: given.number,
                        outcome,
                        slot: given.slot,
                    };
                    if results.send(finished).is_err() {
                        return; // the workers have ended
                    }
                }
            })
            .map_err(|error| Error::Thread(error.into()))?;
        Ok(Slot(slot))
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
