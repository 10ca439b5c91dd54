//! The world of the model: two processes with clocks of their own, an operator, and the database.
//!
//! Everything that changes the table is the real engine's. The world only decides who begins what and when, and
//! shows each commit to the [`Reference`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use sqlx::error::DatabaseError;
use tokio::task::JoinHandle;

use crate::{
    cipher::Bodies,
    database::{
        Database,
        engine::{Backend, Dialect},
        link::Link,
        transaction::Open,
    },
    error::Error,
    intake::Accepted,
    operate::{batches::Batches, filter::Filter, prune},
    source::{Intake, Registry, Source},
    subject::Subject,
    work::{
        job::Job,
        process::{
            Claim, Claimed, Ended, Ending, Process, Settled, Share, Suspect, Suspects, Turn, Wanted,
        },
    },
};

use super::{
    BODIES, DEAD_AFTER, DELAY, EVENTS, GIVE_UP_AFTER, INTERVAL, KEYS, LEASE, Move, PASS_OVER_AFTER,
    reference::{Operation, Reference, Row, Table, Time, Violation, violation},
    schedule::{Schedule, Step, step},
    twins::Twin,
};

/// Who does something. Each does one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Actor {
    Worker(usize),
    /// A handler of that process.
    Handler(usize),
    Intake(usize),
    Operator,
    /// Somebody who locks a row, as psql can.
    Locker,
}

impl Actor {
    /// Operators are a process of their own.
    fn process(self) -> usize {
        match self {
            Self::Worker(process) | Self::Handler(process) | Self::Intake(process) => process,
            Self::Operator | Self::Locker => 2,
        }
    }
}

/// What the handler of an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Commits,
    Fails,
    Poisons,
    Returns,
    Rejects,
}

const KINDS: [Kind; EVENTS] = [
    Kind::Commits,
    Kind::Fails,
    Kind::Poisons,
    Kind::Returns,
    Kind::Rejects,
];

/// The number by which a process ends.
const LEAVES: u8 = 255;

/// How fast the clocks of the processes go.
const SPEEDS: [f64; 2] = [1.0, 0.75];

/// A database that many worlds use, one after another.
pub(super) struct Stage<B: Backend> {
    /// Of each process and of the operators.
    databases: [Database<B>; 3],
    observer: Database<B>,
    link: Link<B>,
}

impl<B: Backend> Stage<B> {
    pub(super) async fn new(database: &Database<B>) -> Self {
        let new = || Database::new(database.pool().clone(), database.server());
        let observer = new();
        let mut link = observer.link();
        let effects = "CREATE TABLE effects (key TEXT NOT NULL, token TEXT NOT NULL)";
        let mut lent = link.lend().await.unwrap();
        B::execute_all(&mut lent, effects.into()).await.unwrap();
        lent.keep();
        Self {
            databases: [new(), new(), new()],
            observer,
            link,
        }
    }

    async fn clear(&mut self) {
        let mut lent = self.link.lend().await.unwrap();
        for table in [
            "leadhook_inbox",
            "leadhook_inbox_line",
            "leadhook_inbox_process",
            "leadhook_inbox_duplicate",
            "effects",
        ] {
            B::execute_all(&mut lent, format!("DELETE FROM {table}"))
                .await
                .unwrap();
        }
        lent.keep();
    }

    async fn table(&mut self) -> Table {
        let statement = self.observer.statement(include_str!("table.sql"));
        let mut lent = self.link.lend().await.unwrap();
        let rows = lent.fetch(statement).await.unwrap();
        lent.keep();
        let mut table = Table::default();
        for row in &rows {
            let text = |column| B::text(row, column).unwrap();
            let number = |column| B::integer(row, column).unwrap();
            let count = number("attempts").unwrap();
            let key = text("key").unwrap_or_default();
            match text("kind").as_deref() {
                Some("process") => drop(table.processes.insert(key, count)),
                Some("line") => {
                    let line = table.lines.entry(count).or_default();
                    line.insert(number("abandoned").unwrap(), key);
                }
                Some("effects") => table.effects = usize::try_from(count).unwrap(),
                Some("now") => table.now = count,
                _ => {
                    let row = Row {
                        state: text("state").unwrap(),
                        reason: text("reason"),
                        process: text("process"),
                        token: text("token"),
                        settled_token: text("settled_token"),
                        attempts: count,
                        abandoned: number("abandoned").unwrap(),
                        has_body: number("has_body") == Some(1),
                        due: Time::at(number("due_at").unwrap()),
                        retry_until: Time::at(number("retry_until").unwrap()),
                        failed: number("first_failed_at").map(Time::at),
                        settled: number("settled_at").map(Time::at),
                    };
                    if number("parked") == Some(1) {
                        table.parked.insert(key.clone());
                    }
                    table.rows.insert(key, row);
                }
            }
        }
        table
    }
}

/// What a process knows beside the engine: the workers' loop is not part of the model.
struct Worker<B: Backend> {
    /// None: it is not running, or an operation has it.
    process: Option<Process<B>>,
    running: Vec<Claimed>,
    unrecorded: Vec<Ended>,
}

/// An operation under way.
struct Flight<B: Backend> {
    actor: Actor,
    operation: Operation,
    /// By the database's clock.
    began: i64,
    running: JoinHandle<Outcome<B>>,
    was_cut: bool,
    /// Its process is gone, and the outcome concerns nobody.
    is_lost: bool,
}

impl<B: Backend> Flight<B> {
    /// Whether its tasks may commit at the same time, as of several deliveries.
    fn has_two_writers(&self) -> bool {
        matches!(&self.operation, Operation::Accept { keys } if keys.len() > 1)
    }
}

enum Outcome<B: Backend> {
    Accepted(Vec<(String, Result<Accepted, Error>)>),
    Turn(Box<Process<B>>, Result<Turn, Error>),
    Handled(Claim, Ending),
    Other(Result<(), Error>),
}

pub(super) struct World<'s, B: Backend> {
    stage: &'s mut Stage<B>,
    /// Whether events wait for others of the same subject.
    is_ordered: bool,
    schedule: Schedule,
    reference: Reference,
    workers: [Worker<B>; 2],
    flights: BTreeMap<usize, Flight<B>>,
    events: HashMap<String, usize>,
    /// When the world began.
    zero: Instant,
    elapsed: Duration,
    /// How long the database could be reached.
    reachable: Duration,
    last_outage: Option<Duration>,
    /// How often a poison row was started.
    pub(super) poisoned: u32,
    pub(super) story: Vec<String>,
}

impl<'s, B: Backend> World<'s, B> {
    pub(super) async fn new(stage: &'s mut Stage<B>, twin: Option<Twin>, is_ordered: bool) -> Self {
        stage.clear().await;
        let table = stage.table().await;
        let events = (0..EVENTS).map(|event| {
            let source = source(&stage.databases[0], event);
            (source.key(&delivery(event)).to_string(), event)
        });
        Self {
            events: events.collect(),
            is_ordered,
            schedule: Schedule::new(B::ONE_WRITER, twin),
            reference: Reference::new(table),
            stage,
            workers: [(); 2].map(|()| Worker {
                process: None,
                running: Vec::new(),
                unrecorded: Vec::new(),
            }),
            flights: BTreeMap::new(),
            zero: Instant::now(),
            elapsed: Duration::ZERO,
            reachable: Duration::ZERO,
            last_outage: None,
            poisoned: 0,
            story: Vec::new(),
        }
    }

    pub(super) async fn run(&mut self, moves: &[Move]) -> Result<(), Violation> {
        for one in moves {
            self.make(*one).await?;
        }
        self.calm_down().await
    }

    /// Ends what is under way, without a word.
    pub(super) async fn stop(mut self) {
        for number in self.flights.keys().copied().collect::<Vec<_>>() {
            self.schedule.kill(number).await;
        }
        for (_, flight) in self.flights {
            let _ = flight.running.await;
        }
    }

    async fn make(&mut self, one: Move) -> Result<(), Violation> {
        self.story.push(format!("{one:?}"));
        match one {
            Move::Go(actor, steps, choice) => {
                for _ in 0..steps {
                    if !self.go(actor, choice).await? {
                        break;
                    }
                }
                Ok(())
            }
            Move::Cut(actor) => match self.flight(actor) {
                Some(number) => self.cut(number).await,
                None => Ok(()),
            },
            Move::LoseAnswer(actor) => {
                for _ in 0..40 {
                    let flight = self.flight(actor);
                    if let Some(number) = flight
                        && self.schedule.stop(number) == Some(Step::Answer)
                    {
                        return self.cut(number).await;
                    }
                    self.go(actor, 2).await?;
                }
                Ok(())
            }
            Move::Crash(process) => self.crash(process).await,
            Move::Outage(intervals) => {
                // The engine's judges overlook a short outage. Several in a row would add up.
                let last = self.last_outage;
                if last.is_some_and(|last| self.elapsed < last + 3 * LEASE) {
                    return Ok(());
                }
                for number in self.flights.keys().copied().collect::<Vec<_>>() {
                    for _ in 0..10 {
                        self.cut(number).await?;
                    }
                }
                let time = INTERVAL * u32::from(intervals);
                self.elapsed += time;
                self.last_outage = Some(self.elapsed);
                self.advance(time);
                Ok(())
            }
            Move::Pass(tenths) => {
                let time = INTERVAL * u32::from(tenths) / 10;
                self.elapsed += time;
                self.reachable += time;
                self.advance(time);
                Ok(())
            }
            Move::Jump(hours) => {
                self.advance(Duration::from_hours(u64::from(hours)));
                Ok(())
            }
        }
    }

    /// Advances the database's clock.
    fn advance(&mut self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        for database in self.stage.databases.iter().chain([&self.stage.observer]) {
            database.advance_clock(millis);
        }
        self.reference.table.now += millis;
    }

    fn flight(&self, actor: Actor) -> Option<usize> {
        let mut flights = self.flights.iter();
        let flight = flights.find(|(_, flight)| flight.actor == actor && !flight.is_lost);
        flight.map(|(number, _)| *number)
    }

    /// Lets an actor go to its next step, or begin something. Returns whether it is under way after that.
    async fn go(&mut self, actor: Actor, choice: u8) -> Result<bool, Violation> {
        let Some(number) = self.flight(actor) else {
            self.begin(actor, choice).await?;
            return Ok(self.flight(actor).is_some());
        };
        if choice.is_multiple_of(8)
            && let Actor::Handler(process) = actor
        {
            self.give_up(process, number);
            return Ok(true);
        }
        let was_blocked = self.schedule.is_any_blocked();
        let commits = self.schedule.stop(number) == Some(Step::Commit);
        let has_two_writers = self
            .flights
            .get(&number)
            .is_some_and(Flight::has_two_writers);
        self.schedule.go(number).await;
        if was_blocked || commits || has_two_writers {
            self.observe(was_blocked).await?;
        }
        self.collect().await?;
        Ok(self.flight(actor).is_some())
    }

    async fn cut(&mut self, number: usize) -> Result<(), Violation> {
        let was_blocked = self.schedule.is_any_blocked();
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.was_cut = true;
            self.schedule.cut(number).await;
        }
        if was_blocked {
            self.observe(true).await?;
        }
        self.collect().await
    }

    async fn crash(&mut self, process: usize) -> Result<(), Violation> {
        let was_blocked = self.schedule.is_any_blocked();
        for (number, flight) in &mut self.flights {
            if flight.actor.process() == process {
                flight.is_lost = true;
                self.schedule.kill(*number).await;
            }
        }
        let worker = &mut self.workers[process];
        worker.process = None;
        worker.running.clear();
        worker.unrecorded.clear();
        if was_blocked {
            self.observe(true).await?;
        }
        self.collect().await
    }

    /// Shows the table to the reference.
    async fn observe(&mut self, may_be_two: bool) -> Result<(), Violation> {
        let may_be_two = may_be_two || self.flights.values().any(Flight::has_two_writers);
        let table = self.stage.table().await;
        let flights = self.flights.iter();
        let operations = flights.map(|(number, flight)| (*number, flight.began, &flight.operation));
        let story = self
            .reference
            .observe(table, operations, may_be_two, self.reachable)?;
        self.story
            .extend(story.into_iter().map(|line| format!("    {line}")));
        Ok(())
    }

    /// Takes the outcomes of what has ended.
    async fn collect(&mut self) -> Result<(), Violation> {
        let flights = self.flights.keys().copied();
        let ended: Vec<usize> = flights
            .filter(|number| !self.schedule.has(*number))
            .collect();
        for number in ended {
            let Some(flight) = self.flights.remove(&number) else {
                continue;
            };
            let outcome = flight.running.await.expect("an operation panicked");
            let has_excuse = flight.was_cut || flight.is_lost;
            match outcome {
                // Whoever has got a 200 relies on it, also if the process crashed right after.
                Outcome::Accepted(accepted) => {
                    for (key, accepted) in accepted {
                        match accepted {
                            Ok(accepted) => {
                                let is_new = accepted == Accepted::New;
                                self.reference.check_accepted(&key, number, is_new)?;
                            }
                            Err(error) => check_excuse(has_excuse, &error)?,
                        }
                    }
                }
                Outcome::Other(result) => {
                    if let Err(error) = result {
                        check_excuse(has_excuse, &error)?;
                    }
                }
                _ if flight.is_lost => {}
                Outcome::Handled(claim, ending) => {
                    self.end(flight.actor.process(), &claim, ending);
                }
                Outcome::Turn(process, turn) => {
                    let worker = &mut self.workers[flight.actor.process()];
                    worker.process = Some(*process);
                    match (turn, &flight.operation) {
                        (Ok(turn), Operation::Turn { ended, .. }) => {
                            self.take(flight.actor.process(), ended, turn)?;
                        }
                        (Err(error), _) => {
                            self.story.push(format!("    {error}"));
                            check_excuse(has_excuse, &error)?;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what a turn has brought.
    fn take(&mut self, process: usize, given: &[Ended], turn: Turn) -> Result<(), Violation> {
        let worker = &mut self.workers[process];
        if turn.was_gone {
            worker.running.clear();
            worker.unrecorded.clear();
        }
        for (ended, settled) in given.iter().zip(turn.settled) {
            let Some(settled) = settled else {
                continue; // it is given again
            };
            let claim = &ended.claim;
            worker.unrecorded.retain(|other| !other.claim.is(claim));
            let key = claim.key.to_string();
            match settled {
                Settled::Fenced => self.reference.check_fenced(&key, &claim.token)?,
                _ => self.reference.check_recorded(&key, &claim.token)?,
            }
        }
        for claimed in turn.claimed {
            let claim = &claimed.claim;
            self.reference
                .check_claimed(&claim.key.to_string(), &claim.token)?;
            worker.running.push(claimed);
        }
        Ok(())
    }

    /// A handler has ended.
    fn end(&mut self, process: usize, claim: &Claim, ending: Ending) {
        let worker = &mut self.workers[process];
        let mut running = worker.running.iter();
        if let Some(index) = running.position(|claimed| claimed.claim.is(claim)) {
            let claim = worker.running.remove(index).claim;
            worker.unrecorded.push(Ended {
                claim,
                ending,
                cause: None,
            });
        }
    }

    /// Records a timeout although the handler goes on, as one that blocks its thread does.
    fn give_up(&mut self, process: usize, number: usize) {
        let Some(Operation::Commit { key, token }) = self
            .flights
            .get(&number)
            .map(|flight| flight.operation.clone())
        else {
            return;
        };
        let mut running = self.workers[process].running.iter();
        let claimed = running
            .find(|claimed| claimed.claim.key.to_string() == key && *claimed.claim.token == *token);
        if let Some(claim) = claimed.map(|claimed| claimed.claim.clone()) {
            self.end(process, &claim, failed("timeout"));
        }
    }

    async fn start(
        &mut self,
        actor: Actor,
        operation: Operation,
        work: impl Future<Output = Outcome<B>> + Send + 'static,
    ) -> Result<(), Violation> {
        let began = self.reference.table.now;
        let is_handler = matches!(actor, Actor::Handler(_));
        let (number, running) = self.schedule.start(actor.process(), is_handler, work).await;
        let flight = Flight {
            actor,
            operation,
            began,
            running,
            was_cut: false,
            is_lost: false,
        };
        self.flights.insert(number, flight);
        self.collect().await
    }

    async fn begin(&mut self, actor: Actor, choice: u8) -> Result<(), Violation> {
        match actor {
            Actor::Worker(process) => self.begin_turn(process, choice).await,
            Actor::Handler(process) => self.handle(process, choice).await,
            Actor::Intake(process) => self.accept(process, choice).await,
            Actor::Operator => self.operate(choice).await,
            Actor::Locker => self.lock(choice).await,
        }
    }

    async fn begin_turn(&mut self, index: usize, choice: u8) -> Result<(), Violation> {
        let database = self.stage.databases[index].clone();
        let now = self.zero + self.elapsed.mul_f64(SPEEDS[index]);
        let worker = &mut self.workers[index];
        let mut process = worker.process.take().unwrap_or_else(|| {
            let sources = [0, 1].map(name).map(Into::into).to_vec();
            Process::new(&database, LEASE, DEAD_AFTER, PASS_OVER_AFTER, sources).unwrap()
        });
        let id = process.id().to_owned();
        let has_unrecorded = !worker.unrecorded.is_empty();
        if choice == LEAVES && !has_unrecorded {
            worker.running.clear();
            let operation = Operation::Leave { process: id };
            let work = async move { Outcome::Other(process.leave().await.map(drop)) };
            return self.start(Actor::Worker(index), operation, work).await;
        }
        let known = worker.running.iter().map(|claimed| &claimed.claim);
        let known = known.chain(worker.unrecorded.iter().map(|ended| &ended.claim));
        let operation = Operation::Turn {
            process: id,
            speed: SPEEDS[index],
            ended: worker.unrecorded.clone(),
            known: known.map(|claim| claim.key.to_string()).collect(),
        };
        let ended = worker.unrecorded.clone();
        let is_idle = worker.running.is_empty() && !has_unrecorded;
        let is_clear = !worker
            .running
            .iter()
            .any(|claimed| claimed.claim.abandoned > 0);
        let work = async move {
            let turn = take_turn(&mut process, &ended, is_clear, is_idle, choice, now).await;
            Outcome::Turn(Box::new(process), turn)
        };
        self.start(Actor::Worker(index), operation, work).await
    }

    async fn handle(&mut self, process: usize, choice: u8) -> Result<(), Violation> {
        let running = &self.workers[process].running;
        if running.is_empty() {
            return Ok(());
        }
        let claimed = running[usize::from(choice) % running.len()].clone();
        let claim = claimed.claim.clone();
        let kind = KINDS[self.events[&claim.key.to_string()]];
        let label = "label".to_owned();
        let ending = match kind {
            Kind::Commits => return self.commit(process, claimed).await,
            Kind::Poisons => {
                self.poisoned += 1;
                self.story.push("    poisoned".into());
                return self.crash(process).await;
            }
            Kind::Fails if claim.attempts < 3 => failed("down"),
            Kind::Returns if choice % 4 == 1 => Ending::Snoozed {
                label,
                delay: DELAY,
            },
            Kind::Fails | Kind::Returns => Ending::Done,
            Kind::Rejects if choice % 2 == 1 => Ending::Unreadable { error: label },
            Kind::Rejects => Ending::Rejected { label },
        };
        self.end(process, &claim, ending);
        Ok(())
    }

    /// Runs a handler that writes in its own transaction.
    async fn commit(&mut self, process: usize, claimed: Claimed) -> Result<(), Violation> {
        let claim = claimed.claim;
        let operation = Operation::Commit {
            key: claim.key.to_string(),
            token: claim.token.to_string(),
        };
        let database = self.stage.databases[process].clone();
        let body = claimed.body.unwrap_or_default();
        let delivery = Delivery::<Graphoid>::from_storage(body);
        let envelope = delivery.read_as::<GraphoidEvent>().unwrap();
        let job = Job::new(
            envelope,
            delivery,
            claim.clone(),
            None,
            database,
            Open::default(),
        );
        let work = async move {
            let ending = if write(job, &claim).await {
                Ending::Committed
            } else {
                failed("database")
            };
            Outcome::Handled(claim, ending)
        };
        self.start(Actor::Handler(process), operation, work).await
    }

    async fn accept(&mut self, process: usize, choice: u8) -> Result<(), Violation> {
        // A poison row takes time, so there are few of them.
        let event = [0, 1, 2, 3, 4, 0, 1, 3, 4, 0, 1, 3, 4][usize::from(choice) % 13];
        // Now and then several together, two of them equal.
        let events = match choice {
            240.. => vec![event, (event + 2) % EVENTS, event],
            _ => vec![event],
        };
        let database = &self.stage.databases[process];
        let queue = Arc::default();
        let sources: Vec<_> = events
            .into_iter()
            .map(|event| {
                let source = with_queue(database, event, Arc::clone(&queue));
                let source = if self.is_ordered {
                    source.subjects(move |_| subjects(event)).one_at_a_time()
                } else {
                    source
                };
                (source, delivery(event))
            })
            .collect();
        let keys = sources
            .iter()
            .map(|(source, delivery)| source.key(delivery).to_string());
        let keys: Vec<String> = keys.collect();
        let operation = Operation::Accept { keys: keys.clone() };
        drop(queue);
        let work = async move {
            let accepted = sources
                .iter()
                .map(|(source, delivery)| source.accept(delivery));
            let accepted = futures_util::future::join_all(accepted).await;
            Outcome::Accepted(keys.into_iter().zip(accepted).collect())
        };
        self.start(Actor::Intake(process), operation, work).await
    }

    async fn operate(&mut self, choice: u8) -> Result<(), Violation> {
        let database = self.stage.databases[2].clone();
        let key = self.any_key(choice);
        match (choice % 4, key) {
            (0, _) => {
                let retention = prune::Retention::default()
                    .with_bodies(BODIES)
                    .with_keys(KEYS);
                let work =
                    async move { Outcome::Other(prune::all(&database, retention).await.map(drop)) };
                self.start(Actor::Operator, Operation::Prune, work).await
            }
            (1, Some(key)) => {
                let filter = Filter::key(key.parse().unwrap());
                let work = async move {
                    let erased = Batches::erase(database, filter).finish().await;
                    Outcome::Other(erased.map(drop))
                };
                self.start(Actor::Operator, Operation::Erase { key }, work)
                    .await
            }
            (replays, key) => {
                let one = key.filter(|_| replays == 3);
                let filter = one.map_or_else(Filter::all, |key| Filter::key(key.parse().unwrap()));
                let work = async move {
                    let replayed = Batches::replay(database, filter).finish().await;
                    Outcome::Other(replayed.map(drop))
                };
                self.start(Actor::Operator, Operation::Replay, work).await
            }
        }
    }

    async fn lock(&mut self, choice: u8) -> Result<(), Violation> {
        let database = self.stage.databases[2].clone();
        let Some(key) = self.any_key(choice) else {
            return Ok(());
        };
        let work = async move {
            let lock = "SELECT key FROM leadhook_inbox WHERE key = $1 {lock}";
            let lock = database.statement(lock).bind(key);
            let mut link = database.link();
            let locked = async {
                let mut transaction = link.begin(LEASE).await?;
                transaction.fetch(lock).await?;
                transaction.commit().await
            };
            Outcome::Other(locked.await)
        };
        self.start(Actor::Locker, Operation::Lock, work).await
    }

    fn any_key(&self, choice: u8) -> Option<String> {
        let rows = &self.reference.table.rows;
        let index = usize::from(choice / 4).checked_rem(rows.len())?;
        rows.keys().nth(index).cloned()
    }

    /// Everything ends what it has begun, and the processes go on without faults until all rows are settled.
    async fn calm_down(&mut self) -> Result<(), Violation> {
        self.story.push("all goes well from now on".into());
        for _ in 0..1000 {
            let Some(number) = self.flights.keys().next().copied() else {
                break;
            };
            let actors: Vec<_> = self.flights.values().map(|flight| flight.actor).collect();
            for actor in actors {
                self.go(actor, 1).await?;
            }
            if self
                .flights
                .get(&number)
                .is_some_and(|flight| flight.is_lost)
            {
                self.schedule.go(number).await;
                self.observe(true).await?;
                self.collect().await?;
            }
        }
        for round in 0..80 {
            for process in [0, 1] {
                let is_claimable = self.reference.has_due();
                self.finish(Actor::Worker(process), if is_claimable { 3 } else { 0 })
                    .await?;
                while !self.workers[process].running.is_empty() {
                    self.finish(Actor::Handler(process), 3).await?;
                }
                // One is enough to judge, and takes half the time.
                if round > 1 && process == 0 && self.workers[1].process.is_none() {
                    break;
                }
                if round > 0 && process == 1 && self.workers[1].unrecorded.is_empty() {
                    self.finish(Actor::Worker(1), LEAVES).await?;
                }
            }
            let is_recorded = self
                .workers
                .iter()
                .all(|worker| worker.unrecorded.is_empty());
            if is_recorded && self.reference.check_settled().is_ok() {
                break;
            }
            // The longest time that is no silence.
            self.make(Move::Pass(19)).await?;
        }
        self.reference.check_settled()
    }

    async fn finish(&mut self, actor: Actor, choice: u8) -> Result<(), Violation> {
        for _ in 0..1000 {
            if !self.go(actor, choice).await? {
                return Ok(());
            }
        }
        violation!("{actor:?} does not come to an end");
    }
}

/// What the workers' loop does in one round.
async fn take_turn<B: Backend>(
    process: &mut Process<B>,
    ended: &[Ended],
    is_clear: bool,
    is_idle: bool,
    choice: u8,
    now: Instant,
) -> Result<Turn, Error> {
    let mut wanted = Wanted::default();
    if !choice.is_multiple_of(4) {
        let suspects = if choice.is_multiple_of(2) {
            Suspects::default()
        } else {
            process.suspects().await?
        };
        if suspects.alone && is_idle {
            wanted.suspect = Some(Suspect::Alone);
        } else {
            wanted.suspect = (suspects.beside && is_clear).then_some(Suspect::Beside);
            wanted.slots = 2 + usize::from(wanted.suspect.is_some());
            wanted.shares = [(0, 2), (1, 1)]
                .map(|(event, slots)| Share {
                    source: name(event).into(),
                    slots,
                    taken: 0,
                    left: slots,
                })
                .into();
        }
    }
    let beats = process.next_beat().is_none_or(|next| next <= now);
    let turn = process.turn(ended, &wanted, now).await;
    let is_judge = match &turn {
        Ok(turn) => !turn.was_gone,
        Err(_) => Twin::JudgesByReading.is_planted(),
    };
    if beats && is_judge {
        // If that fails, the loop tries again at its next beat.
        let _ = process.judge(now).await;
        let _ = process.sweep().await;
    }
    turn
}

/// Writes something, and ends the job together with it.
async fn write<B: Backend>(job: Job<GraphoidEvent, B>, claim: &Claim) -> bool {
    let written = async {
        step(Step::Begin).await?;
        let mut transaction = job.begin().await?;
        step(Step::Statement).await?;
        let effect =
            Dialect::default().statement::<B>("INSERT INTO effects (key, token) VALUES ($1, $2)");
        let effect = effect.bind(claim.key.to_string()).bind(&*claim.token);
        B::execute(&mut transaction, effect).await?;
        job.commit(transaction).await
    };
    written.await.is_ok_and(|done| done.is_committed)
}

fn failed(label: &str) -> Ending {
    Ending::Failed {
        label: label.into(),
        delay: DELAY,
        give_up_after: GIVE_UP_AFTER,
    }
}

/// The database refuses a statement only if its connection was cut, or somebody has kept a lock for long.
fn check_excuse(has_excuse: bool, error: &Error) -> Result<(), Violation> {
    let code = match error {
        Error::Database(error) => error.as_database_error().and_then(DatabaseError::code),
        _ => None,
    };
    match code.as_deref() {
        None | Some("55P03" | "5") => Ok(()),
        Some(_) if has_excuse => Ok(()),
        Some(_) => violation!("a statement failed although nothing was in its way: {error}"),
    }
}

/// Whom an event is about: some events share one subject with some others.
fn subjects(event: usize) -> Vec<Subject> {
    const OF_EVENTS: [&[&str]; EVENTS] = [&["x"], &["x", "y"], &["y"], &["z"], &["z", "x"]];
    let subjects = OF_EVENTS[event].iter();
    subjects.map(|value| Subject::new("test", value)).collect()
}

fn name(event: usize) -> &'static str {
    ["a", "b"][event % 2]
}

fn delivery(event: usize) -> Delivery<Graphoid> {
    let body =
        format!(r#"{{"id":"evt_{event}","event":"lead.won","data":{{"lead":{{"id":"1"}}}}}}"#);
    Delivery::from_storage(body)
}

fn source<B: Backend>(database: &Database<B>, event: usize) -> Source<Graphoid, B> {
    with_queue(database, event, Arc::default())
}

fn with_queue<B: Backend>(
    database: &Database<B>,
    event: usize,
    queue: Arc<crate::intake::queue::Queue>,
) -> Source<Graphoid, B> {
    let intake = Intake {
        database: database.clone(),
        queue,
        bodies: Bodies::default(),
        keys: Arc::default(),
    };
    Registry::default().source(intake, name(event))
}
