//! How soon a job finds the rate that a gateway admits: `cargo bench --bench end_to_end -- rate`. nginx limits requests in
//! front of the simulator, and the job assumes another limit. Counts within one run, and no ratio of times.

use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::jobs::Job;
use crate::server::Server;

/// The rate that the gateway admits, its burst (nginx's words), and the rate that the job assumes.
const CASES: [(f64, &str, f64); 3] =
    [(200.0, " burst=20 nodelay", 400.0), (50.0, " burst=20 nodelay", 100.0), (50.0, "", 45.0)];

/// How many seconds each job runs.
const LASTS: f64 = 90.0;

/// Prints how much of the admitted rate each job used in its first minute and afterwards, and how much was refused
/// afterwards.
pub(crate) fn print() {
    println!("| let in | at once | believed | used in the first minute | used after it | refused after it |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (rate, burst, believed) in CASES {
        let service = Server::simulator(&["--latency", "fixed:20ms"]);
        let Some(gateway) = Server::gateway(&service, rate, burst) else {
            println!("not run: it needs nginx");
            return;
        };
        let job = Job::new((believed.max(rate) * LASTS) as usize + 100, "in.jsonl");
        job.write(&format!("limits = {{ qps = {believed}, max_duration = \"{LASTS}s\" }}\n"));
        let began = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64();
        let mut run = job.run(&gateway.url, 256);
        run.stdout(Stdio::null()).stderr(Stdio::null());
        assert_eq!(run.status().expect("it runs").code(), Some(7), "its time is up");
        let journal = Connection::open(job.path("out.jsonl.journal")).expect("a journal");
        let count = |table: &str, from: f64, to: f64| -> f64 {
            let sql = format!("SELECT count(*) FROM {table} WHERE sent_at >= ?1 AND sent_at < ?2");
            journal.query_row(&sql, [began + from, began + to], |row| row.get(0)).expect("a count")
        };
        let (first, after) = (count("steps", 0.0, 60.0), count("steps", 60.0, LASTS));
        let refused = count("faults", 60.0, LASTS);
        let let_in = rate.min(believed);
        println!(
            "| {rate}/s |{burst} | {believed}/s | {:.1} % | {:.1} % | {:.2} % |",
            100.0 * first / (60.0 * let_in),
            100.0 * after / ((LASTS - 60.0) * let_in),
            100.0 * refused / (refused + after)
        );
    }
}
