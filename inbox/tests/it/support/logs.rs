//! What is logged.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{Dispatch, subscriber::DefaultGuard};

/// What the current thread logs, and the threads of inboxes that it opens from now on.
pub struct Logs {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// `tracing` remembers of each event and span whether anybody wants it. While a process has only one
    /// subscriber, it asks the thread that gets there first, and the thread of another test has none. A second
    /// subscriber makes it ask both.
    pub fn capture() -> Self {
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| {
            let silent =
                tracing_subscriber::fmt().with_max_level(tracing::level_filters::LevelFilter::OFF);
            silent.finish().into()
        });
        LazyLock::force(&SECOND);
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.0.lock().unwrap()).into_owned()
    }

    /// The lines with a text.
    pub fn with(&self, text: &str) -> Vec<String> {
        let lines = self.text();
        let lines = lines.lines().filter(|line| line.contains(text));
        lines.map(ToOwned::to_owned).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
