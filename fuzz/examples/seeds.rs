//! Writes the seeds of every target to `corpus/`.

use std::{fs, path::Path};

use leadhook_fuzz::{TARGETS, seeds};

fn main() -> std::io::Result<()> {
    for (name, _) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in seeds::of(name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:04}")), seed)?;
        }
        println!("{name}: {} seeds", seeds::of(name).len());
    }
    Ok(())
}
