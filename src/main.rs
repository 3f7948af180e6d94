//! The program: reads the command line and runs its command.

use std::process::ExitCode;

use clap::Parser as _;
use deskbell::cli::Cli;
use deskbell::commands;

/// Memory that one thread allocates is often freed by another. For that, this allocator needs less processor time than
/// the system's allocator, and no more memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Several crates in the dependency tree may bring a TLS provider, so the program installs one before TLS is used.
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
