//! The performance budgets, measured on the whole program: `cargo bench --bench end_to_end`, with the numbers of budgets
//! behind `--` for only those, and `--quick` for smaller inputs; `-- instructions` is the guard that CI runs, `-- rate` what a
//! job uses of a rate that it does not know, `-- documents` folders and books. Each figure is the median of several runs, taken in turn
//! with what it is compared to; figures of time are ratios within one run wherever that is possible.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

mod budgets;
mod copy;
mod documents;
mod floor;
mod instructions;
mod jobs;
mod measure;
mod rate;
mod server;

use std::ffi::OsString;
use std::process::ExitCode;

use budgets::Size;

/// The program that is measured: `FANFOLD_PROGRAM`, or the one that was built with this.
fn program() -> OsString {
    std::env::var_os("FANFOLD_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_fanfold").into())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [command, input, output, url, in_flight] = arguments.as_slice()
        && command == "floor"
    {
        floor::run(input, output, url, in_flight.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if let [command, input, output] = arguments.as_slice()
        && command == "copy"
    {
        copy::run(input, output);
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|command| command == "instructions") {
        return if instructions::check() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if arguments.first().is_some_and(|command| command == "rate") {
        rate::print();
        return ExitCode::SUCCESS;
    }
    let size = if arguments.iter().any(|argument| argument == "--quick") { Size::Quick } else { Size::Full };
    if arguments.first().is_some_and(|command| command == "documents") {
        documents::print(size, &arguments);
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    println!("| # | what | budget | measured |\n| --- | --- | --- | --- |");
    for (number, measure) in budgets::ALL {
        if wanted.is_empty() || wanted.contains(&number) {
            for line in measure(size) {
                println!("| {number} | {} | {} | {} |", line.what, line.budget, line.measured);
            }
        }
    }
    ExitCode::SUCCESS
}
