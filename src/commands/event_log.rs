//! Reports events of an active run to the user: outages, throttling, and with `-v` every fault.

use crate::event::{Bottleneck, Event, Observer};
use crate::note::{JournalEvent, Outcome};
use crate::outcome::FaultKind;
use crate::packs::PackTrouble;
use crate::text::short;
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
            Event::Committed(_) => {}
        }
    }
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
