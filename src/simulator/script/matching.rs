//! Which fault of the script applies to a request.

use std::time::Duration;

use super::super::batches::ApiCall;
use super::super::fingerprint::RequestDigest;
use super::fault::{Conditions, Effect, Script, ScriptedFault};

/// The properties of a request that a script can use.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Arrival<'a> {
    pub(in super::super) call: ApiCall,
    /// How often this call has been received, including this time.
    pub(in super::super) of_call: u64,
    pub(in super::super) body: &'a str,
    /// The text that a translation model is given.
    pub(in super::super) translated: Option<&'a str>,
    /// Whether it has several numbered texts.
    pub(in super::super) numbered: bool,
    pub(in super::super) fingerprint: RequestDigest,
    /// How many requests have been received, including this one.
    pub(in super::super) sequence: u64,
    /// How often this request has been received, including this time.
    pub(in super::super) attempt: u64,
    pub(in super::super) since_start: Duration,
}

impl Script {
    /// The first fault whose conditions all hold. `fired` counts how often each fault has happened, and is updated here; it
    /// has an entry for each fault.
    pub(in super::super) fn strike(
        &self,
        arrival: &Arrival,
        fired: &mut [u64],
        seed: u64,
    ) -> Option<&ScriptedFault> {
        let index = self
            .faults
            .iter()
            .enumerate()
            .position(|(index, fault)| fault.strikes(arrival, fired[index], index, seed))?;
        fired[index] += 1;
        Some(&self.faults[index])
    }
}

impl ScriptedFault {
    fn strikes(&self, arrival: &Arrival, fired: u64, index: usize, seed: u64) -> bool {
        if !self.is_about(arrival.call) {
            return false;
        }
        let fault = match self.effect {
            Effect::Mistranslate(fault) => fault,
            Effect::Mispack(_) => {
                return arrival.numbered && self.conditions.hold(arrival, 1, fired, index, seed);
            }
            _ => return self.conditions.hold(arrival, arrival.attempt, fired, index, seed),
        };
        // These models answer a repeated request alike, so its share is drawn only once.
        arrival.translated.is_some_and(|text| fault.can_damage(text))
            && self.conditions.hold(arrival, 1, fired, index, seed)
    }
}

impl ScriptedFault {
    /// Whether it can apply to a call.
    fn is_about(&self, call: ApiCall) -> bool {
        let wanted = match self.effect {
            Effect::Fate(_) => Some(ApiCall::Create),
            Effect::LoseLine | Effect::DoubleLine => Some(ApiCall::Line),
            _ => self.conditions.call,
        };
        wanted.map_or_else(|| call.is_a_request(), |wanted| wanted == call)
    }
}

impl Conditions {
    /// Whether they all hold. `draw` distinguishes the draws of a share for one request.
    fn hold(&self, arrival: &Arrival, draw: u64, fired: u64, index: usize, seed: u64) -> bool {
        // From cheap to expensive: a body can be long.
        let number = if self.call.is_some() { arrival.of_call } else { arrival.sequence };
        self.requests.is_none_or(|(first, last)| (first..=last).contains(&number))
            && self.first_tries.is_none_or(|tries| arrival.attempt <= tries)
            && self.times.is_none_or(|times| fired < times)
            && self.span.holds(arrival.since_start)
            && self.share.is_none_or(|share| {
                // Each fault draws separately, so that two shares do not always hit the same requests.
                let number = draw.wrapping_add(seed.rotate_left(20)).wrapping_add((index as u64) << 40);
                arrival.fingerprint.draw("share", number) < share
            })
            && self.contains.as_ref().is_none_or(|text| arrival.body.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(body: &str, sequence: u64, attempt: u64) -> Arrival<'_> {
        let fingerprint = RequestDigest::of_bytes(body.as_bytes());
        let since_start = Duration::from_secs(5);
        let (call, of_call) = (ApiCall::Chat, sequence);
        Arrival {
            call,
            of_call,
            body,
            translated: None,
            numbered: false,
            fingerprint,
            sequence,
            attempt,
            since_start,
        }
    }

    /// Whether a script with one fault of these conditions hits each of the requests.
    fn struck(conditions: &str, arrivals: &[Arrival]) -> Vec<bool> {
        let script = Script::parse(&format!("[[fault]]\n{conditions}\naction = \"hang\"")).unwrap();
        let mut fired = [0];
        arrivals.iter().map(|arrival| script.strike(arrival, &mut fired, 1).is_some()).collect()
    }

    #[test]
    fn every_condition_narrows_the_fault() {
        let requests = [arrival("row 7", 1, 1), arrival("row 8", 2, 1), arrival("row 7", 3, 2)];
        assert_eq!(struck("", &requests), [true, true, true]);
        assert_eq!(struck("contains = \"row 7\"", &requests), [true, false, true]);
        assert_eq!(struck("requests = [2, 3]", &requests), [false, true, true]);
        assert_eq!(struck("first_tries = 1", &requests), [true, true, false]);
        assert_eq!(struck("times = 2", &requests), [true, true, false]);
        assert_eq!(struck("after = \"6s\"", &requests), [false, false, false]);
        assert_eq!(struck("until = \"6s\"", &requests), [true, true, true]);
        assert_eq!(struck("contains = \"row 7\"\nfirst_tries = 1", &requests), [true, false, false]);
    }

    #[test]
    fn a_share_strikes_about_as_many_as_it_says() {
        let bodies: Vec<String> = (0..1000).map(|row| format!("row {row}")).collect();
        let requests: Vec<Arrival> = bodies.iter().map(|body| arrival(body, 1, 1)).collect();
        let count = struck("share = 0.1", &requests).into_iter().filter(|struck| *struck).count();
        assert!((60..140).contains(&count), "{count}");
        assert_eq!(struck("share = 0.1", &requests), struck("share = 0.1", &requests));
    }

    #[test]
    fn the_first_fault_that_fits_happens() {
        let script =
            Script::parse("[[fault]]\ncontains = \"7\"\naction = \"hang\"\n[[fault]]\naction = \"drop\"")
                .unwrap();
        let label = |body: &str| script.strike(&arrival(body, 1, 1), &mut [0, 0], 0).unwrap().label.clone();
        assert_eq!(label("row 7"), "1 hang");
        assert_eq!(label("row 8"), "2 drop");
    }

    #[test]
    fn a_mistranslation_needs_something_to_lose_and_strikes_a_repeated_request_alike() {
        let script = "[[fault]]\nshare = 0.5\naction = \"drop_blank_lines\"\nevery = 2";
        let script = Script::parse(script).unwrap();
        let strikes = |text: Option<&str>, row: u64, attempt: u64| {
            let body = format!("row {row}");
            let arrival = Arrival { translated: text, ..arrival(&body, row, attempt) };
            script.strike(&arrival, &mut [0], 0).is_some()
        };
        let text = Some("a\n\nb\n\nc");
        assert!((0..100).any(|row| strikes(text, row, 1)) && !(0..100).all(|row| strikes(text, row, 1)));
        assert!((0..100).all(|row| strikes(text, row, 1) == strikes(text, row, 2)));
        assert!(!(0..100).any(|row| strikes(Some("a\n\nb"), row, 1) || strikes(None, row, 1)));
    }
}
