//! The `planrun` command.

fn main() -> std::process::ExitCode {
    planrun::cli::main()
}
