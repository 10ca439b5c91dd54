//! Who goes on: a scheduler that lets one task take one step at a time.
//!
//! A task under the scheduler stops at each [`Step`] of the engine until it is told to go on or to fail. It may
//! also be in the middle of a statement, when it waits for a lock that another one has.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        oneshot,
    },
    time::{self, Instant},
};

use super::twins::Twin;
pub(crate) use crate::database::step::Step;

/// A step that takes longer waits for a lock.
const BLOCKED_AFTER: Duration = Duration::from_millis(50);

/// How long one that waited for a lock may take to notice that it has it.
const UNBLOCKED_WITHIN: Duration = Duration::from_millis(5);

tokio::task_local! {
    static TURN: Arc<Turn>;
}

/// What the tasks of one operation share. When the last of them has ended, the operation has.
struct Turn {
    number: usize,
    is_dead: Arc<AtomicBool>,
    news: UnboundedSender<News>,
    twin: Option<Twin>,
}

enum News {
    Arrived(usize, Step, oneshot::Sender<()>),
    Ended(usize),
}

pub(crate) async fn step(step: Step) -> sqlx::Result<()> {
    let Ok(turn) = TURN.try_with(Arc::clone) else {
        return Ok(()); // not under the scheduler
    };
    let (sender, go_on) = oneshot::channel();
    if !turn.is_dead.load(Ordering::Relaxed) {
        let _ = turn.news.send(News::Arrived(turn.number, step, sender));
        if go_on.await.is_ok() {
            return Ok(());
        }
    }
    Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()))
}

pub(crate) fn in_turn<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let turn = TURN.try_with(Arc::clone).ok();
    async move {
        match turn {
            Some(turn) => TURN.scope(turn, task).await,
            None => task.await,
        }
    }
}

/// The fault that was planted into the engine of the current task.
pub(super) fn twin() -> Option<Twin> {
    TURN.try_with(|turn| turn.twin).ok().flatten()
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.news.send(News::Ended(self.number));
    }
}

pub(super) struct Schedule {
    /// Whether a transaction keeps all others from beginning.
    has_one_writer: bool,
    twin: Option<Twin>,
    news: UnboundedReceiver<News>,
    sender: UnboundedSender<News>,
    next_number: usize,
    operations: BTreeMap<usize, Operation>,
}

struct Operation {
    process: usize,
    /// A handler's connection comes from a pool, so nobody waits for it once it has committed.
    is_handler: bool,
    is_dead: Arc<AtomicBool>,
    /// Where its tasks wait. Empty: it is in the middle of a step.
    stops: VecDeque<(Step, oneshot::Sender<()>)>,
    /// The step by which it took the connection that it has.
    holds: Option<Step>,
}

impl Schedule {
    pub(super) fn new(has_one_writer: bool, twin: Option<Twin>) -> Self {
        let (sender, news) = mpsc::unbounded_channel();
        Self {
            has_one_writer,
            twin,
            news,
            sender,
            next_number: 0,
            operations: BTreeMap::new(),
        }
    }

    /// Starts an operation of a process. It runs until its first step.
    pub(super) async fn start<T: Send + 'static>(
        &mut self,
        process: usize,
        is_handler: bool,
        operation: impl Future<Output = T> + Send + 'static,
    ) -> (usize, tokio::task::JoinHandle<T>) {
        let number = self.next_number;
        self.next_number += 1;
        let is_dead = Arc::new(AtomicBool::new(false));
        let turn = Turn {
            number,
            is_dead: is_dead.clone(),
            news: self.sender.clone(),
            twin: self.twin,
        };
        self.operations.insert(
            number,
            Operation {
                process,
                is_handler,
                is_dead,
                stops: VecDeque::new(),
                holds: None,
            },
        );
        let running = tokio::spawn(TURN.scope(Arc::new(turn), operation));
        self.wait_for(number).await;
        (number, running)
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.operations.contains_key(&number)
    }

    /// Whether somebody is in the middle of a step, because of a lock.
    pub(super) fn is_any_blocked(&self) -> bool {
        let mut operations = self.operations.values();
        operations.any(|operation| operation.stops.is_empty())
    }

    /// Where the operation waits, if it can go on.
    pub(super) fn stop(&self, number: usize) -> Option<Step> {
        let operation = self.operations.get(&number)?;
        let (step, _) = operation.stops.front()?;
        // To let it wait for the lock would change nothing and take time.
        let mut others = self
            .operations
            .iter()
            .filter(|(other, _)| **other != number);
        let is_shut_out = others.any(|(_, other)| {
            let waits_for_connection = matches!(step, Step::Connection | Step::Begin);
            let begins = *step == Step::Begin
                || (*step == Step::Commit && operation.holds == Some(Step::Connection));
            waits_for_connection && other.holds.is_some() && other.process == operation.process
                || begins && other.holds == Some(Step::Begin)
        });
        (!(self.has_one_writer && is_shut_out)).then_some(*step)
    }

    /// Lets an operation take its next step, if it can.
    pub(super) async fn go(&mut self, number: usize) {
        if self.stop(number).is_none() {
            self.look_around().await;
            return;
        }
        let Some(operation) = self.operations.get_mut(&number) else {
            return;
        };
        let Some((step, go_on)) = operation.stops.pop_front() else {
            return;
        };
        if matches!(step, Step::Connection | Step::Begin) {
            operation.holds = Some(step);
        }
        let _ = go_on.send(());
        self.wait_for(number).await;
        self.look_around().await;
    }

    /// Breaks the operation's connection. What the operation does next is up to it.
    pub(super) async fn cut(&mut self, number: usize) {
        let Some(operation) = self.operations.get_mut(&number) else {
            return;
        };
        if operation.stops.pop_front().is_some() {
            self.wait_for(number).await;
        }
        self.look_around().await;
    }

    /// Ends an operation where it is. It takes no further step.
    pub(super) async fn kill(&mut self, number: usize) {
        let Some(operation) = self.operations.get_mut(&number) else {
            return;
        };
        operation.is_dead.store(true, Ordering::Relaxed);
        if !operation.stops.is_empty() {
            operation.stops.clear();
            while self.has(number) && self.wait_for(number).await {}
        }
        self.look_around().await;
    }

    /// Waits until the operation stops or ends.
    async fn wait_for(&mut self, number: usize) -> bool {
        let until = Instant::now() + BLOCKED_AFTER;
        while let Ok(Some(news)) = time::timeout_at(until, self.news.recv()).await {
            if self.note(news) == number {
                return true;
            }
        }
        false
    }

    /// Waits for those who may have got the lock that they were waiting for.
    async fn look_around(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.note(news);
        }
        let until = Instant::now() + UNBLOCKED_WITHIN;
        while self.is_any_blocked() {
            match time::timeout_at(until, self.news.recv()).await {
                Ok(Some(news)) => drop(self.note(news)),
                _ => return,
            }
        }
    }

    fn note(&mut self, news: News) -> usize {
        match news {
            News::Arrived(number, step, go_on) => {
                if let Some(operation) = self.operations.get_mut(&number) {
                    operation.holds = match step {
                        Step::Connection | Step::Begin => None,
                        Step::Answer if operation.is_handler => None,
                        // It has committed, and has not given back the connection.
                        Step::Answer => Some(Step::Connection),
                        _ => operation.holds,
                    };
                    operation.stops.push_back((step, go_on));
                }
                number
            }
            News::Ended(number) => {
                self.operations.remove(&number);
                number
            }
        }
    }
}
