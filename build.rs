//! Tells Cargo that the web pages are part of the server: else a release build made before them, or before some of them,
//! would count as up to date and stay without.

use std::io::Write;

fn main() -> std::io::Result<()> {
    // A path that is not there counts as changed each time.
    std::fs::create_dir_all("web/dist")?;
    writeln!(std::io::stdout(), "cargo::rerun-if-changed=web/dist")
}
