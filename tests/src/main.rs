//! The program, as tests run it.

fn main() -> std::process::ExitCode {
    repilot::main()
}
