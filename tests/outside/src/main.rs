//! A gateway that speaks turnstile beside everything that Sekisho speaks.

fn main() -> std::process::ExitCode {
    sekisho::main(sekisho::builtin().with(turnstile::Turnstile))
}
