//! A model of the inbox that drives the real engine.
//!
//! A schedule is a list of [`Move`]s: who takes a step, whose connection breaks, which process crashes, how much
//! time passes. [`schedule`] lets the engine stop at each statement and around each COMMIT, so that a move can
//! come between any two of them. [`world`] makes the moves, on a real database. After each commit, [`reference`]
//! compares the table with what the rules allow, and in the end every row must be settled. If a random schedule
//! fails, moves are removed from it for as long as it still fails. [`twins`] are engines with a fault, which the
//! model must find.
//!
//! A test runs schedules for 15 s, or as many as `LEADHOOK_MODEL_SCHEDULES` says, from a random seed or from
//! `LEADHOOK_MODEL_SEED`. With `LEADHOOK_MODEL_SHRINK=1`, the faults of the twins are shrunk and printed, too.
#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers of moves are small"
)]
#![allow(
    clippy::large_futures,
    clippy::print_stdout,
    reason = "these are tests"
)]

use std::{
    env,
    time::{Duration, Instant},
};

use crate::database::{Database, engine::Backend};

mod reference;
pub(crate) mod schedule;
#[cfg(feature = "_postgres")]
#[path = "../../tests/it/support/postgres.rs"]
#[allow(dead_code, unreachable_pub, clippy::pedantic, clippy::print_stderr)]
mod server;
pub(crate) mod twins;
mod world;

use twins::Twin;
use world::{Actor, Stage, World};

const EVENTS: usize = 5;
const DEAD_AFTER: u32 = 3;

/// So long that no limit by the machine's clock ends a step that waits for the scheduler.
const LEASE: Duration = Duration::from_mins(10);
/// Between two beats.
const INTERVAL: Duration = Duration::from_secs(100);
const DELAY: Duration = Duration::from_mins(7);
const PASS_OVER_AFTER: Duration = Duration::from_mins(10);
const GIVE_UP_AFTER: Duration = Duration::from_hours(1);
const BODIES: Duration = Duration::from_hours(1);
const KEYS: Duration = Duration::from_hours(25);
const RETRY_WINDOW: Duration = <leadhook::Graphoid as leadhook::Provider>::RETRY_WINDOW;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// An actor goes on by so many steps, or begins what the number says.
    Go(Actor, u8, u8),
    /// The connection of an actor breaks.
    Cut(Actor),
    /// An actor goes on until it has sent a COMMIT, and the answer gets lost.
    LoseAnswer(Actor),
    Crash(usize),
    /// Nobody reaches the database for so many intervals.
    Outage(u8),
    /// Tenths of an interval.
    Pass(u8),
    /// The database's clock leaps by hours.
    Jump(u8),
}

/// The numbers that make a schedule: `SplitMix64`.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u8 {
        (self.number() % limit) as u8
    }

    fn process(&mut self) -> usize {
        usize::from(self.below(2))
    }

    fn actor(&mut self) -> Actor {
        let process = self.process();
        match self.below(20) {
            0..9 => Actor::Worker(process),
            9..13 => Actor::Handler(process),
            13..16 => Actor::Intake(process),
            16..19 => Actor::Operator,
            _ => Actor::Locker,
        }
    }

    fn choice(&mut self) -> u8 {
        self.below(256)
    }

    fn one(&mut self) -> Move {
        match self.below(100) {
            0..3 => Move::Cut(self.actor()),
            3..5 => Move::LoseAnswer(self.actor()),
            5..8 => Move::Crash(self.process()),
            8..10 => Move::Outage(1 + self.below(20)),
            10..17 => Move::Pass(1 + self.below(25)),
            17..19 => Move::Jump(1 + self.below(40)),
            _ => {
                let steps = [1, 1, 2, 3, 6, 40][usize::from(self.below(6))];
                Move::Go(self.actor(), steps, self.choice())
            }
        }
    }

    fn go(&mut self, moves: &mut Vec<Move>, actor: Actor, steps: u8) {
        moves.push(Move::Go(actor, steps, self.choice()));
    }

    /// Moves that chance alone would hardly ever put together.
    fn episode(&mut self, moves: &mut Vec<Move>) {
        let process = self.process();
        let (one, other) = (Actor::Worker(process), Actor::Worker(1 - process));
        match self.below(12) {
            // One process stands still, perhaps in the middle of something. The other one goes on for longer
            // than a lease.
            0 | 1 => {
                for _ in 0..2 {
                    self.go(moves, Actor::Intake(process), 40);
                }
                self.go(moves, other, 40);
                let steps = self.below(4);
                self.go(moves, Actor::Handler(1 - process), steps);
                // The number 2 claims at once.
                moves.push(Move::Go(other, self.below(7), 2));
                for _ in 0..9 {
                    self.go(moves, one, 40);
                    let steps = self.below(6);
                    self.go(moves, Actor::Handler(process), steps);
                    moves.push(Move::Pass(19));
                }
                self.go(moves, Actor::Intake(process), 40);
                self.go(moves, other, 40);
            }
            // Both go on, and an outage comes.
            2 => {
                self.go(moves, one, 40);
                self.go(moves, other, 40);
                moves.push(Move::Outage(1 + self.below(20)));
                self.go(moves, one, 40);
            }
            // An attempt from the claim to its result.
            3 => {
                self.go(moves, one, 40);
                self.go(moves, Actor::Handler(process), 40);
                // A row that somebody has locked is not recorded yet.
                let steps = self.below(4);
                self.go(moves, Actor::Locker, steps);
                let steps = self.below(12);
                self.go(moves, one, steps);
            }
            // The answer to a turn gets lost.
            4 => {
                self.go(moves, Actor::Intake(process), 40);
                moves.push(Move::LoseAnswer(one));
                self.go(moves, one, 40);
            }
            // One event is delivered twice at the same time.
            5 => {
                let event = self.below(200);
                // The first steps compare the key of subjects.
                for (process, steps) in [(0, 4 + self.below(5)), (1, 40), (0, 40)] {
                    moves.push(Move::Go(Actor::Intake(process), steps, event));
                }
            }
            // A handler goes on after its timeout.
            6 => {
                moves.push(Move::Go(Actor::Intake(process), 40, 0));
                self.go(moves, one, 40);
                let steps = 1 + self.below(4);
                self.go(moves, Actor::Handler(process), steps);
                moves.push(Move::Go(Actor::Handler(process), 1, 0));
                self.go(moves, one, 40);
                self.go(moves, Actor::Handler(process), 40);
            }
            // A row is replayed before its handler returns.
            7 => {
                moves.push(Move::Go(Actor::Intake(process), 40, 0));
                self.go(moves, one, 40);
                moves.push(Move::Go(Actor::Handler(process), 5, 1));
                moves.push(Move::Go(Actor::Operator, 40, 3));
                self.go(moves, one, 40);
                moves.push(Move::Go(Actor::Handler(process), 40, 1));
                for _ in 0..3 {
                    self.go(moves, one, 40);
                    moves.push(Move::Pass(19));
                }
            }
            // An event is replayed, and another one of its subject comes meanwhile.
            8 => {
                moves.push(Move::Go(Actor::Intake(process), 40, 0));
                self.go(moves, one, 40);
                moves.push(Move::Go(Actor::Handler(process), 40, 1));
                self.go(moves, one, 40);
                moves.push(Move::Go(Actor::Operator, 5 + self.below(3), 3));
                moves.push(Move::Go(
                    Actor::Intake(process),
                    40,
                    [1, 4][usize::from(self.below(2))],
                ));
                moves.push(Move::Go(Actor::Operator, 40, 3));
            }
            _ => moves.extend((0..12).map(|_| self.one())),
        }
    }
}

fn moves(seed: u64) -> Vec<Move> {
    let mut random = Random(seed);
    let mut moves = Vec::new();
    for _ in 0..random.below(4) {
        moves.push(Move::Go(
            Actor::Intake(random.process()),
            40,
            random.choice(),
        ));
    }
    for _ in 0..2 + random.below(7) {
        random.episode(&mut moves);
    }
    moves
}

struct Failure {
    moves: Vec<Move>,
    what: String,
    story: Vec<String>,
}

async fn run<B: Backend>(
    stage: &mut Stage<B>,
    twin: Option<Twin>,
    is_ordered: bool,
    moves: &[Move],
) -> Result<u32, Failure> {
    let mut world = World::new(stage, twin, is_ordered).await;
    let ran = world.run(moves).await;
    let (story, poisoned) = (std::mem::take(&mut world.story), world.poisoned);
    world.stop().await;
    match ran {
        Ok(()) => Ok(poisoned),
        Err(violation) => Err(Failure {
            moves: moves.to_vec(),
            what: violation.0,
            story,
        }),
    }
}

/// Removes moves, first many and then one by one, for as long as what is left fails.
async fn shrink<B: Backend>(
    stage: &mut Stage<B>,
    twin: Option<Twin>,
    is_ordered: bool,
    mut failure: Failure,
    until: Instant,
) -> Failure {
    let mut size = failure.moves.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < failure.moves.len() && Instant::now() < until {
            let mut fewer = failure.moves.clone();
            fewer.drain(start..(start + size).min(fewer.len()));
            match run(stage, twin, is_ordered, &fewer).await {
                Err(smaller) => failure = smaller,
                Ok(_) => start += size,
            }
        }
        size /= 2;
    }
    failure
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Random schedules of the engine as it is.
async fn survive<B: Backend>(database: &Database<B>) {
    let mut stage = Stage::new(database).await;
    let began = Instant::now();
    let schedules = setting("LEADHOOK_MODEL_SCHEDULES");
    let first =
        setting("LEADHOOK_MODEL_SEED").unwrap_or_else(|| u64::from(crate::random::number()));
    let mut count = 0;
    let goes_on = |count| match schedules {
        Some(schedules) => count < schedules,
        None => began.elapsed() < Duration::from_secs(15),
    };
    while goes_on(count) {
        let seed = first + count;
        let is_ordered = seed % 2 == 1;
        if let Err(failure) = run(&mut stage, None, is_ordered, &moves(seed)).await {
            let until = Instant::now() + Duration::from_mins(1);
            let shrunk = shrink(&mut stage, None, is_ordered, failure, until).await;
            panic!("seed {seed}: {}\n{}", shrunk.what, shrunk.story.join("\n"));
        }
        count += 1;
    }
    println!(
        "{}: {count} schedules from seed {first} in {:?}",
        B::NAME,
        began.elapsed()
    );
}

/// Each fault is found, or the test fails.
async fn find_twins<B: Backend>(database: &Database<B>) {
    let mut stage = Stage::new(database).await;
    for twin in Twin::ALL {
        if twin.needs_row_locks() && B::ONE_WRITER {
            continue;
        }
        let is_ordered = twin.is_of_lines();
        let began = Instant::now();
        let mut seed = 0;
        let failure = loop {
            assert!(
                began.elapsed() < Duration::from_mins(2),
                "{twin:?} was not found"
            );
            match run(&mut stage, Some(twin), is_ordered, &moves(seed)).await {
                Ok(_) => seed += 1,
                Err(failure) => break failure,
            }
        };
        let found = began.elapsed();
        // It is the fault that was found.
        if let Err(failure) = run(&mut stage, None, is_ordered, &failure.moves).await {
            panic!(
                "without the fault, too: {}\n{}",
                failure.what,
                failure.story.join("\n")
            );
        }
        println!(
            "{} {twin:?}: found in {found:.1?}, {seed} schedules: {}",
            B::NAME,
            failure.what
        );
        if setting("LEADHOOK_MODEL_SHRINK").is_some() {
            let until = Instant::now() + Duration::from_mins(1);
            let shrunk = shrink(&mut stage, Some(twin), is_ordered, failure, until).await;
            println!("{}\n{}", shrunk.what, shrunk.story.join("\n"));
        }
    }
}

/// A row that kills its process is dead after three times, and the others are handled.
async fn bury_poison<B: Backend>(database: &Database<B>) {
    let mut stage = Stage::new(database).await;
    let moves: Vec<Move> = (0..EVENTS as u8)
        .map(|event| Move::Go(Actor::Intake(0), 40, event))
        .collect();
    match run(&mut stage, None, false, &moves).await {
        Ok(poisoned) => assert_eq!(poisoned, DEAD_AFTER),
        Err(failure) => panic!("{}\n{}", failure.what, failure.story.join("\n")),
    }
}

#[cfg(feature = "sqlite")]
mod on_sqlite {
    use crate::inbox::Inbox;

    async fn open() -> (tempfile::TempDir, Inbox<sqlx::Sqlite>) {
        // In memory, if there is such a directory: no machine fails here.
        let memory = tempfile::TempDir::new_in("/dev/shm");
        let directory = memory.or_else(|_| tempfile::TempDir::new()).unwrap();
        let inbox = Inbox::<sqlx::Sqlite>::open(directory.path().join("model.db"))
            .await
            .unwrap();
        (directory, inbox)
    }

    #[tokio::test]
    async fn random_schedules_break_nothing() {
        let (_directory, inbox) = open().await;
        super::survive(inbox.database()).await;
    }

    #[tokio::test]
    async fn each_broken_twin_is_found() {
        let (_directory, inbox) = open().await;
        super::find_twins(inbox.database()).await;
    }

    #[tokio::test]
    async fn a_poison_row_is_dead_after_three_crashes() {
        let (_directory, inbox) = open().await;
        super::bury_poison(inbox.database()).await;
    }
}

#[cfg(feature = "_postgres")]
mod on_postgres {
    use std::sync::{Arc, Mutex, Weak};

    use crate::inbox::Inbox;

    use super::server::Server;

    async fn open() -> Option<(Arc<Server>, Inbox<sqlx::Postgres>)> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let server = {
            let mut shared = SHARED.lock().unwrap();
            if let Some(server) = shared.upgrade() {
                server
            } else {
                // No machine fails here, so nothing has to be flushed.
                let server = Arc::new(Server::start(&["fsync = off", "autovacuum = off"])?);
                *shared = Arc::downgrade(&server);
                server
            }
        };
        let inbox = Inbox::<sqlx::Postgres>::at(&server.create_database().await).unwrap();
        let inbox = inbox.trust_fsync_off();
        inbox.migrate().await.unwrap();
        Some((server, inbox))
    }

    #[tokio::test]
    async fn random_schedules_break_nothing() {
        if let Some((_server, inbox)) = open().await {
            super::survive(inbox.database()).await;
        }
    }

    #[tokio::test]
    async fn each_broken_twin_is_found() {
        if let Some((_server, inbox)) = open().await {
            super::find_twins(inbox.database()).await;
        }
    }

    #[tokio::test]
    async fn a_poison_row_is_dead_after_three_crashes() {
        if let Some((_server, inbox)) = open().await {
            super::bury_poison(inbox.database()).await;
        }
    }
}
