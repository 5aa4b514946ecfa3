//! The slots of requests seen lately: most requests are like one before.

use std::sync::Arc;

use super::writer::Slot;
use crate::labels::Outcome;

/// As many places as most services have routes, methods and statuses.
const PLACES: usize = 128;

#[derive(Debug)]
pub(super) struct RecentSlots(Box<[Option<Recent>; PLACES]>);

/// The requests of one series, and where they are counted.
#[derive(Debug)]
struct Recent {
    addr: Arc<str>,
    outcome: Outcome,
    slot: Slot,
}

impl RecentSlots {
    pub(super) fn new() -> Self {
        Self(Box::new([const { None }; PLACES]))
    }

    /// The slot, if it is where it is looked for first.
    #[inline]
    pub(super) fn find(&self, addr: &str, outcome: Outcome) -> Option<Slot> {
        self.in_place(place_of(addr, outcome), addr, outcome)
    }

    /// The slot, if it is in the place beside.
    pub(super) fn find_beside(&self, addr: &str, outcome: Outcome) -> Option<Slot> {
        self.in_place(beside(place_of(addr, outcome)), addr, outcome)
    }

    /// Remembers a slot in its place. The one that was there moves to the place
    /// beside, since the two may come by turns.
    pub(super) fn remember(&mut self, addr: &Arc<str>, outcome: Outcome, slot: Slot) {
        let place = place_of(addr, outcome);
        let recent = Recent { addr: Arc::clone(addr), outcome, slot };
        self.0[beside(place)] = self.0[place].replace(recent);
    }

    #[inline]
    fn in_place(&self, place: usize, addr: &str, outcome: Outcome) -> Option<Slot> {
        match &self.0[place] {
            Some(recent) if recent.outcome == outcome && *recent.addr == *addr => Some(recent.slot),
            _ => None,
        }
    }
}

/// The place that is looked at first, made in a few instructions: the routes of a
/// service nearly always differ in their first 8 or last 16 bytes, or their length.
#[inline]
fn place_of(addr: &str, outcome: Outcome) -> usize {
    let bytes = addr.as_bytes();
    let word = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    let mixed = match (bytes.first_chunk(), bytes.last_chunk::<16>(), bytes.last_chunk()) {
        (Some(first), Some([tail @ .., _, _, _, _, _, _, _, _]), Some(last)) => {
            word(first) ^ word(tail).rotate_left(13) ^ word(last).rotate_left(29)
        }
        (Some(first), None, Some(last)) => word(first) ^ word(last).rotate_left(29),
        _ => bytes.iter().fold(0, |mixed, byte| mixed << 8 | u64::from(*byte)),
    };
    let mixed = mixed ^ outcome.code() << 8 ^ bytes.len() as u64;
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - PLACES.ilog2())
}

fn beside(place: usize) -> usize {
    place ^ 1
}

#[cfg(test)]
mod tests {
    use super::place_of;
    use crate::labels::Outcome;
    use crate::protocol::Method;

    #[test]
    fn common_routes_have_places_of_their_own() {
        let ok = Outcome::new(Method::GET, 200, false);
        for alike in [
            ["/users", "/items", "/login", "/admin"],
            ["/api/v1/orders/{tenant_id}", "/api/v1/quotes/{tenant_id}", "/a", "/b"],
            ["/api/users", "/api/items", "/api/login", "/"],
        ] {
            let mut places = alike.map(|addr| place_of(addr, ok));
            places.sort_unstable();
            assert!(places.windows(2).all(|two| two[0] != two[1]), "{alike:?}: {places:?}");
        }
        let deleted = Outcome::new(Method::of("DELETE"), 204, false);
        assert_ne!(place_of("/users", ok), place_of("/users", deleted));
    }
}
