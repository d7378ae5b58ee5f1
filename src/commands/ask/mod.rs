//! `fanfold ask`: one question, answered on standard output as the answer comes.

mod line;
mod printer;
mod question;

use std::io::{self, IsTerminal, Stdout, stderr, stdout};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::load::colored;
use super::printout::Veiled;
use super::run::start_simulator;
use super::secrets::refuse_arguments;
use super::usage::{tokens, unknown_finish};
use super::{coding_plan, interrupt};
use crate::api::client::{ClientSettings, HttpEndpoint};
use crate::api::key::Key;
use crate::api::piece::Piece;
use crate::cli::AskArgs;
use crate::dispatch::retry::{Dice, backoff};
use crate::dispatch::stop::{Stop, StopLevel};
use crate::exit::Exit;
use crate::job::units::shown;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::simulator;
use crate::text::{money, short};
use crate::watch::{Mode, Screen, put};
use line::ReplyLine;
use printer::{PrintStyle, Printer};
use question::{Question, settle};

/// Runs the command.
pub(super) fn run(args: AskArgs) -> Result<Exit, Failure> {
    let screen = Screen::new(if args.common.quiet { Mode::Quiet } else { Mode::Plain }, false);
    // Before signals are handled: without a question, the program ends like any other.
    let question = settle(&args, &screen)?;
    let stop = interrupt::listen(&screen, "")?;
    let simulator = args.simulate.then(|| start_simulator(&screen, None)).transpose()?;
    let asking = &question.asking;
    let base_url = simulator.as_ref().map_or(asking.model.base_url.as_str(), simulator::Handle::base_url);
    let key = match &simulator {
        Some(_) => Some(Key::of_a_rehearsal()),
        None => Key::load(&asking.model.key, |name| question.environment.get(name), stderr().is_terminal())
            .map_err(Failure::new)?,
    };
    refuse_arguments()?;
    if simulator.is_none()
        && let Some(warning) = coding_plan::warning(base_url, key.as_ref())
    {
        screen.insist(&warning);
    }
    if let Some(reason) = &question.request.unavailable {
        screen.insist(&format!("warning: {reason}; the question may be refused"));
    }
    let settings = ClientSettings { base_url, key, ..ClientSettings::of(&asking.model, &asking.retry) };
    let endpoint = HttpEndpoint::new(settings).map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::no_runtime)?;
    let printer = Printer::new(Veiled(stdout()), manner(&args, &question));
    let mut session = AskSession { args: &args, question: &question, base_url, screen, stop, printer };
    let end = runtime.block_on(session.ask(&endpoint));
    session.report(end)
}

/// Reasoning is not part of the answer. On a terminal it shows that something happens; in a pipe or a file it must be
/// requested, and precedes the answer.
fn manner(args: &AskArgs, question: &Question) -> PrintStyle {
    let terminal = stdout().is_terminal();
    PrintStyle {
        live: question.live,
        terminal,
        reasoning: !args.json && (args.show_reasoning || terminal && !args.common.quiet),
        dim: colored(args.common.color, terminal),
    }
}

/// How asking ended.
enum AskEnd {
    /// A reply, after this time, at this try.
    Replied(Box<Reply>, Duration, u32),
    /// The user interrupted it.
    Interrupted,
    /// Standard output cannot be written.
    Unwritable,
}

/// A question being asked.
struct AskSession<'a> {
    args: &'a AskArgs,
    question: &'a Question,
    base_url: &'a str,
    screen: Screen,
    stop: Stop,
    printer: Printer<Veiled<Stdout>>,
}

impl AskSession<'_> {
    /// Asks until there is an answer, or a fault that another try would not change or that came after a part of the answer
    /// was shown.
    async fn ask(&mut self, endpoint: &HttpEndpoint) -> AskEnd {
        let retry = self.question.asking.retry;
        let mut dice: Dice = Box::new(rand::random::<f64>);
        let mut tries = 0;
        loop {
            tries += 1;
            let begun = Instant::now();
            let reply = match self.once(endpoint).await {
                Ok(reply) => reply,
                Err(end) => return end,
            };
            let again = |fault: &&Fault| {
                fault.kind.passes() && fault.kind != FaultKind::Unreachable && tries < retry.max_attempts
            };
            let Some(fault) = reply.as_ref().err().filter(again).filter(|_| !self.printer.has_shown()) else {
                return AskEnd::Replied(Box::new(reply), begun.elapsed(), tries);
            };
            let wait = backoff(&retry, fault, tries, &mut dice);
            self.screen.say(&format!("{}: retrying in {}", short(&fault.summary(), 300), shown(wait)));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stop.wait_for(|stop_level| *stop_level != StopLevel::None) => return AskEnd::Interrupted,
            }
        }
    }

    /// Asks once.
    async fn once(&mut self, endpoint: &HttpEndpoint) -> Result<Reply, AskEnd> {
        let Question { asking, request, .. } = self.question;
        let limit = if request.stream { asking.retry.stream_timeout } else { asking.retry.timeout };
        let printer = &mut self.printer;
        let broken = printer.broken();
        let mut sink = |piece: Piece<'_>| printer.take(piece);
        tokio::select! {
            reply = tokio::time::timeout(limit, endpoint.stream(request, &mut sink)) => {
                Ok(reply.unwrap_or_else(|_| {
                    let late = format!("no answer within {}", shown(limit));
                    Err(Fault::new(FaultKind::Transient, "timeout", late))
                }))
            }
            _ = self.stop.wait_for(|stop_level| *stop_level != StopLevel::None) => Err(AskEnd::Interrupted),
            () = broken.notified() => Err(AskEnd::Unwritable),
        }
    }

    /// Shows the rest, and returns the result.
    fn report(&mut self, end: AskEnd) -> Result<Exit, Failure> {
        if let Some(error) = self.printer.take_trouble() {
            return Err(error.into());
        }
        match end {
            AskEnd::Replied(reply, latency, tries) => match *reply {
                Ok(answer) => {
                    self.answered(&answer, latency, tries)?;
                    Ok(Exit::Done)
                }
                Err(fault) => Err(self.faulted(&fault, latency, tries)?),
            },
            AskEnd::Interrupted => {
                self.printer.end_line()?;
                if !self.printer.has_shown() && stderr().is_terminal() {
                    // The terminal has shown `^C` at the cursor.
                    put("");
                }
                self.screen.insist("interrupted");
                Ok(Exit::Interrupted)
            }
            AskEnd::Unwritable => Ok(Exit::Done),
        }
    }

    fn answered(&mut self, answer: &Answer, latency: Duration, tries: u32) -> io::Result<()> {
        let cost = self.cost(answer.usage.as_ref(), answer.thought());
        if self.args.json {
            self.put_json(Ok(answer), cost, latency, tries)?;
        } else {
            self.printer.finish(answer)?;
            if answer.response.is_some() && answer.tool_calls.is_some() {
                self.screen.say("the answer calls tools too; --json shows them");
            }
        }
        if answer.finish_reason.as_deref() == Some("length") {
            let message = "warning: the answer was truncated at max_tokens";
            self.screen.insist(message);
        }
        let unknown = answer.finish_reason.as_deref().and_then(|word| unknown_finish(word, None));
        unknown.into_iter().for_each(|warning| self.screen.insist(&warning));
        if !self.args.json {
            self.screen.say(&self.usage_line(answer.usage.as_ref(), cost));
        }
        self.say_who(answer.request_id.as_deref(), latency, tries);
        Ok(())
    }

    /// Turns the reason why there is no answer into the command's failure.
    fn faulted(&mut self, fault: &Fault, latency: Duration, tries: u32) -> io::Result<Failure> {
        let cost = self.cost(fault.usage.as_ref(), self.question.request.thinks);
        if self.args.json {
            self.put_json(Err(fault), cost, latency, tries)?;
        }
        self.printer.end_line()?;
        self.say_who(fault.request_id.as_deref(), latency, tries);
        if fault.usage.is_some() {
            self.screen.say(&self.usage_line(fault.usage.as_ref(), cost));
        }
        let summary = short(&fault.summary(), 2_000);
        let (exit, message) = match fault.kind {
            FaultKind::JobRefused | FaultKind::RowRefused => {
                (Exit::StoppedByApi, format!("the API refused the request: {summary}"))
            }
            FaultKind::Unreachable => {
                (Exit::FailedRows, format!("nothing answers at {}: {}", self.base_url, fault.message))
            }
            _ if self.printer.has_shown() => {
                (Exit::FailedRows, format!("the answer is not complete: {summary}"))
            }
            _ => (Exit::FailedRows, format!("there is no answer: {summary}")),
        };
        let nobody = "check the address (--base-url, --region, FANFOLD_BASE_URL), the server, and any proxy or \
            firewall in between";
        let help = fault.help.or((fault.kind == FaultKind::Unreachable).then_some(nobody));
        let help = help.map(|help| format!("\n  = help: {help}")).unwrap_or_default();
        Ok(Failure { exit, message: message + &help })
    }

    fn put_json(
        &mut self,
        reply: Result<&Answer, &Fault>,
        cost: Option<f64>,
        latency: Duration,
        tries: u32,
    ) -> io::Result<()> {
        let line = ReplyLine::of(&self.question.model, reply, cost, latency, tries);
        self.printer.line(&serde_json::to_string(&line)?)
    }

    fn cost(&self, usage: Option<&Usage>, thought: bool) -> Option<f64> {
        self.question.request.price.as_deref().zip(usage).and_then(|(price, usage)| price.of(usage, thought))
    }

    /// The usage of the answer, and its probable cost.
    fn usage_line(&self, usage: Option<&Usage>, cost: Option<f64>) -> String {
        let Some(mut line) = usage.and_then(tokens) else {
            return "tokens: the server did not count them".to_owned();
        };
        if let Some(cost) = cost {
            let price = self.question.request.price.as_deref();
            let date = match price.and_then(|price| price.as_of.as_ref()) {
                Some(date) => format!("prices of {date}"),
                None => "your own prices".to_owned(),
            };
            line += &format!(" · cost {} (estimate, {date})", money(cost));
        }
        if self.args.simulate {
            line += " · simulated, at no cost";
        }
        line
    }

    fn say_who(&self, request_id: Option<&str>, latency: Duration, tries: u32) {
        if self.args.verbose {
            let id = request_id.map(|id| format!(" · request {}", short(id, 100))).unwrap_or_default();
            let tries = if tries > 1 { format!(" · try {tries}") } else { String::new() };
            let model = short(&self.question.model, 100);
            self.screen.say(&format!("{model} at {} · {}{tries}{id}", self.base_url, shown(latency)));
        }
    }
}
