//! The file of a test's inbox.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of SQLite's and those beside it, to be removed.
pub(crate) struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// A path that nothing else has.
    pub(crate) fn new() -> Result<Self, crate::error::Error> {
        let name = format!("leadhook-inbox-{}.db", crate::random::id()?);
        Ok(Self(std::env::temp_dir().join(name)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = fs::remove_file(path);
        }
    }
}
