//! Reports events of an active run to the user: outages, throttling, and with `-v` every fault.

use crate::batch::phase::BatchRecord;
use crate::event::{BatchNews, Bottleneck, Event, Observer};
use crate::note::{JournalEvent, Outcome};
use crate::outcome::FaultKind;
use crate::packs::PackTrouble;
use crate::text::{count, counted, short};
use crate::watch::Screen;

/// Reports the events that a user wants to know about.
pub(super) struct Listener<'a> {
    screen: &'a Screen,
    verbose: bool,
    outage: bool,
    slow: bool,
    packs: PackTrouble,
}

impl<'a> Listener<'a> {
    /// A listener that writes to a screen; a verbose one reports each request without an answer.
    pub(super) fn new(screen: &'a Screen, verbose: bool) -> Self {
        Self { screen, verbose, outage: false, slow: false, packs: PackTrouble::None }
    }
}

impl Observer for Listener<'_> {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::State(state) => {
                self.set_outage(state.held_by == Some(Bottleneck::Outage));
                self.set_packs(state.pack_trouble);
            }
            Event::Committed(JournalEvent::Ended(ended)) => {
                if matches!(ended.ending, Outcome::Answered(_)) && self.outage {
                    self.outage = false;
                    self.screen.say("the service answers again");
                }
                let Some(fault) = ended.ending.fault() else { return };
                if fault.kind == FaultKind::Throttled && !self.slow {
                    self.slow = true;
                    self.screen.say(&format!(
                        "the service throttles ({}): slowing down",
                        short(&fault.summary(), 160)
                    ));
                }
                if self.verbose {
                    let what = match &ended.ending {
                        Outcome::Failed(_) => "failed",
                        Outcome::SetAside(_) => "is deferred to a last pass",
                        Outcome::Retry(_) | Outcome::Answered(_) | Outcome::Continue(_) => {
                            "has no answer yet"
                        }
                    };
                    self.screen.say(&format!(
                        "{} {what}: {}",
                        ended.row.shown(),
                        short(&fault.summary(), 300)
                    ));
                }
            }
            Event::Committed(_) | Event::Batches(_) => {}
            Event::Batch(news) => self.screen.say_when(&batch_words(&news)),
        }
    }
}

/// What happened to a batch, in words.
fn batch_words(news: &BatchNews<'_>) -> String {
    match news {
        BatchNews::Submitted { batch, found } => format!(
            "batch {}: {} {} ({})",
            batch.number,
            counted(batch.lines.into(), "request"),
            if *found { "found at the provider" } else { "submitted" },
            batch.provider_id.as_deref().unwrap_or_default()
        ),
        BatchNews::Ended(batch) => {
            format!("batch {}: {}", batch.number, batch.state.as_deref().unwrap_or_default())
        }
        BatchNews::Collected(batch) => collected_words(batch),
        BatchNews::QueueFull { batch, message } => format!(
            "batch {}: the provider's queue is full ({}); its requests are submitted again later",
            batch.number,
            short(message, 160)
        ),
        BatchNews::Late(batch) => format!(
            "warning: batch {} has not ended within its {} hours and one more; still asking. `fanfold set JOB cancel` cancels it",
            batch.number, batch.window_hours
        ),
        BatchNews::FileStays { file, fault } => {
            format!(
                "warning: the file {file} could not be deleted at the provider: {}",
                short(&fault.summary(), 160)
            )
        }
    }
}

fn replies(number: u64) -> String {
    if number == 1 { "1 reply".to_owned() } else { format!("{} replies", count(number)) }
}

fn collected_words(batch: &BatchRecord) -> String {
    let mut words = format!(
        "batch {}: {} of {} collected",
        batch.number,
        count(batch.replies),
        replies(batch.lines.into())
    );
    let notes = [
        (u64::from(batch.lines).saturating_sub(batch.replies), "not answered, stay pending"),
        (batch.doubled, "came twice, counted once"),
        (batch.unknown, "of no request of this batch, ignored"),
    ];
    for (number, note) in notes {
        if number > 0 {
            words.push_str(&format!("; {} {note}", count(number)));
        }
    }
    words
}

impl Listener<'_> {
    fn set_packs(&mut self, trouble: PackTrouble) {
        if trouble <= self.packs {
            return;
        }
        self.packs = trouble;
        self.screen.say(match trouble {
            PackTrouble::Ended => "too many packs fail again: each text is sent alone from now on",
            _ => "too many packs fail: they have half as many texts from now on",
        });
    }

    fn set_outage(&mut self, outage: bool) {
        if outage && !self.outage {
            self.outage = true;
            self.screen.say("the service is not responding: sending one probe per backoff, other rows wait");
        }
    }
}
