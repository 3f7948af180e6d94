//! Command line → settings → app.

use std::process::ExitCode;

use clap::Parser as _;
use deskbell::cli::Cli;
use deskbell::commands;

/// Many threads allocate memory that others have freed. This allocator does that with less work than the system's, in
/// as much memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Two crates in the dependency tree could each bring a TLS provider: one is chosen first of all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("deskbell: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("deskbell: {}", deskbell::commands::shown(&deskbell::logging::redact(&format!("{error:#}"))));
            ExitCode::FAILURE
        }
    }
}
