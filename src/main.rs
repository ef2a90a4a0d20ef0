//! The program `neotoma`.

use std::process::ExitCode;

fn main() -> ExitCode {
    neotoma_importers::telemetry::start();
    neotoma_importers::cli::main()
}
