//! Forms packs: when a row can be sent, others that are asked alike travel with it, as far as requests and not tokens are what
//! is limited.

use tokio::time::Instant;

use super::handout::PackReach;
use super::ledger::Ledger;
use super::pass::Pass;
use super::readiness::NextQueue;
use super::work::Work;
use crate::endpoint::Endpoint;
use crate::packs::{PackKey, PackRoom, PackText, PackTrouble, SharedGlossary, packed};

/// How many rows whose terms do not go with those of a pack are looked at for it: to look through a long queue would take longer
/// than a smaller pack costs.
const MOST_KEPT_OUT: usize = 64;

/// What there is for the next pack.
struct Gathered {
    /// The rows that travel, by their places in the queue of unsent ones.
    places: Vec<usize>,
    /// Whether no other row fits.
    is_full: bool,
    /// Whether rows that would fit are not yet recorded by the journal.
    is_unrecorded: bool,
}

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// What a row may travel by, in a job that packs.
    pub(super) fn travels(&self, work: &Work) -> Option<Box<PackText>> {
        let packing = self.dispatcher.packing.as_ref()?;
        let may = packing.trouble() != PackTrouble::Ended && work.row.over.is_none();
        may.then(|| PackText::of(&work.request)).flatten().map(Box::new)
    }

    /// How far packs reach at present.
    pub(super) fn pack_reach(&self) -> PackReach {
        self.dispatcher.packing.as_ref().map_or(PackReach::ALONE, |packing| packing.reach)
    }

    /// Makes a pack of the first unsent row and those that travel with it. If it would not be full and more rows come, it
    /// waits for them, which takes milliseconds: a request with few rows would be wasted.
    pub(super) fn gather(&mut self, now: Instant) {
        self.gathers = false;
        let Some((key, room)) = self.first_that_travels(now) else { return };
        let gathered = self.gathered(key, room);
        let comes = self.rows.is_some() && self.has_room();
        if !gathered.is_full && (gathered.is_unrecorded || comes) {
            self.gathers = true;
            return;
        }
        if gathered.places.len() > 1 {
            self.form(&gathered.places);
        }
    }

    /// The first unsent row, if others may travel with it now, and the room for them. The first row of a shape goes alone, and
    /// so does one that probes whether the service is there.
    fn first_that_travels(&mut self, now: Instant) -> Option<(PackKey, PackRoom)> {
        let first = self.queues.fresh.front()?;
        let dispatcher = &mut *self.dispatcher;
        let packing = dispatcher.packing.as_mut()?;
        let text = first.travel.as_deref().filter(|_| first.pack.is_none())?;
        let is_probe = dispatcher.services.next_probe().is_some();
        if is_probe || !dispatcher.services.let_through(first.request.shape) {
            return None;
        }
        let services = &dispatcher.services;
        let in_flight = services.requests_each_second();
        let room = packing.room(dispatcher.pace.tokens_each(now, services.paces(), in_flight));
        let size = dispatcher.pace.row_size(text, &first.request.estimate);
        packing.reach = PackReach { rows: room.takes(std::iter::repeat_n(size, room.rows)), needs: 0 };
        Some((text.key, room))
    }

    /// The unsent rows that travel with the first, in order, as many as there is room for.
    fn gathered(&mut self, key: PackKey, room: PackRoom) -> Gathered {
        let Self { queues, ahead, dispatcher, .. } = self;
        let pace = &dispatcher.pace;
        let mut glossary = SharedGlossary::default();
        let mut kept_out = 0;
        let alike = queues.fresh.iter().enumerate().filter_map(|(place, work)| {
            let text = work.travel.as_deref().filter(|text| text.key == key)?;
            Some((place, work, text))
        });
        let found = alike.map_while(|(place, work, text)| {
            let is_shared = text.glossary.as_ref().is_none_or(|row| glossary.admits(row));
            kept_out += usize::from(!is_shared);
            (kept_out <= MOST_KEPT_OUT).then_some(is_shared.then_some((place, work, text)))
        });
        let found = found.flatten();
        let (mut places, mut sizes) = (Vec::new(), Vec::new());
        // One more than fits shows that it is full.
        for (place, work, text) in found.take(room.rows + 1) {
            places.push(place);
            sizes.push(pace.row_size(text, &work.request.estimate));
        }
        let fits = room.takes(sizes.iter().copied());
        let is_full = fits < places.len() || fits >= room.rows;
        places.truncate(fits);
        let recorded =
            places.iter().take_while(|place| ahead.allows(queues.fresh[**place].row.position)).count();
        let is_unrecorded = recorded < places.len();
        if let (Some(packing), Some(last)) = (&mut dispatcher.packing, places.last()) {
            packing.reach.needs = last + 1;
        }
        Gathered { places, is_full: is_full && !is_unrecorded, is_unrecorded }
    }

    fn form(&mut self, places: &[usize]) {
        let fresh = &mut self.queues.fresh;
        let requests: Option<Vec<_>> =
            places.iter().map(|place| fresh.get(*place).map(|work| &work.request)).collect();
        let Some(request) = requests.and_then(|requests| packed(&requests)) else {
            if let Some(first) = fresh.front_mut() {
                first.travel = None;
            }
            return;
        };
        let mut members: Vec<Work> = places.iter().rev().filter_map(|place| fresh.remove(*place)).collect();
        members.reverse();
        if let Some(pack) = Work::of_pack(members, request) {
            fresh.push_front(pack);
        }
    }

    /// Lets the rows of the pack that is next in a queue go alone, before it is sent.
    pub(super) fn disband(&mut self, queue: NextQueue) {
        let queue = match queue {
            NextQueue::Repeated => &mut self.queues.cleared,
            NextQueue::Fresh => &mut self.queues.fresh,
        };
        let Some(members) = queue.pop_front().and_then(|work| work.pack) else { return };
        members.into_iter().rev().for_each(|member| queue.push_front(member.alone()));
    }
}
