//! The program `repilot`.

fn main() -> std::process::ExitCode {
    repilot::main()
}
