//! The server and its workers in one process.

use std::{env, error::Error, process::ExitCode};

use durable_inbox::{
    inbox::Inbox,
    routes::{self, Secrets},
    worker,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

const WORKERS: usize = 4;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let secrets = Secrets::from_env()?.ok_or(
        "set at least one of GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET, \
         SCOREAPP_WEBHOOK_SECRET, TOMBA_WEBHOOK_TOKEN",
    )?;
    let inbox = Inbox::open(&variable("DATABASE_URL", "sqlite:inbox.db")?).await?;
    let listener = TcpListener::bind(variable("LISTEN", "127.0.0.1:8080")?).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let (stop, stopping) = watch::channel(false);
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(worker::run(inbox.clone(), stopping.clone()));
    }

    axum::serve(listener, routes::router(&inbox, secrets))
        .with_graceful_shutdown(terminated())
        .await?;
    stop.send_replace(true);
    workers.join_all().await;
    inbox.close().await;
    Ok(())
}

fn variable(name: &str, default: &str) -> Result<String, env::VarError> {
    match env::var(name) {
        Err(env::VarError::NotPresent) => Ok(default.into()),
        set => set,
    }
}

/// Ends on Ctrl-C or SIGTERM.
async fn terminated() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
