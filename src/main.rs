//! The program: `fanfold::main`, in a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    fanfold::main()
}
