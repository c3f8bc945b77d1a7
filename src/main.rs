//! The `inkledger` binary: installs the crypto back end, runs the command line, answers with its exit code.

// The roots of the schema are merged objects, one inside the other, and so are the types of their futures.
#![recursion_limit = "256"]

use std::process::ExitCode;

/// Deep but permitted documents are validated and resolved by recursion; 2 MiB would be too little in a debug build.
const WORKER_STACK: usize = 4 * 1024 * 1024;

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(WORKER_STACK).build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "inkledger: cannot start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The main thread's stack is the system's; commands run on the workers' own.
    let arguments = std::env::args_os().collect();
    let done = runtime.block_on(async { tokio::spawn(inkledger::cli::run(arguments)).await });
    done.unwrap_or(ExitCode::FAILURE)
}
