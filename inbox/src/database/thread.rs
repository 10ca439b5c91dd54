//! The inbox's own thread, where its connections live.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Mutex, PoisonError},
    thread,
};

use futures_util::FutureExt as _;
use tokio::{
    runtime::{self, Handle},
    sync::{oneshot, watch},
};

use crate::{database::step::in_turn, error::Error};

/// The result of a task on the thread.
type Awaited<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A thread with a runtime, started when it is first used. It ends when it is dropped.
///
/// Neither a handler that blocks the application's threads nor a busy application delays what runs here.
#[derive(Default)]
pub(crate) struct Thread(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    NotStarted,
    Running {
        handle: Handle,
        /// The thread ends when it is dropped.
        alive: oneshot::Sender<()>,
        ended: watch::Receiver<()>,
    },
    Stopped,
}

impl Thread {
    /// Starts a task. Its result is awaited with the returned future, and dropping that does not stop the
    /// task.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Awaited<T>, Error> {
        // sqlx logs, and a subscriber may panic, as may a hook of the application's pool.
        let task = in_turn(AssertUnwindSafe(task).catch_unwind());
        let task = self.handle()?.spawn(task);
        Ok(Box::pin(async {
            match task.await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::Panicked),
                Err(_) => Err(Error::Closed),
            }
        }))
    }

    /// Ends the thread and waits for it. Tasks are dropped at their next await.
    pub(crate) async fn stop(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Stopped);
        if let State::Running {
            alive, mut ended, ..
        } = state
        {
            drop(alive);
            let _ = ended.changed().await; // an error: the thread has dropped the sender
        }
    }

    fn handle(&self) -> Result<Handle, Error> {
        let mut state = self.lock();
        match &*state {
            State::Running { handle, .. } => return Ok(handle.clone()),
            State::Stopped => return Err(Error::Closed),
            State::NotStarted => {}
        }
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Thread(error.into()))?;
        let handle = runtime.handle().clone();
        let (alive, end) = oneshot::channel();
        let (has_ended, ended) = watch::channel(());
        // A scoped subscriber, as in tests, sees what happens on this thread, too.
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        thread::Builder::new()
            .name("leadhook-inbox".into())
            .spawn(move || {
                let _subscriber = tracing::dispatcher::set_default(&subscriber);
                let _ = runtime.block_on(end);
                drop(runtime);
                drop(has_ended);
            })
            .map_err(|error| Error::Thread(error.into()))?;
        *state = State::Running {
            handle: handle.clone(),
            alive,
            ended,
        };
        Ok(handle)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
