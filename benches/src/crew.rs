//! Two threads with a service each, as two workers of a server have, started
//! through a gate so that they record at the same moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::measure::batch;
use crate::peers::{Peer, Recorded};
use crate::settings::{Alone, BoxedLane, alone};

pub struct Crew {
    pub name: &'static str,
    members: [Member; 2],
    recorded: Recorded,
}

struct Member {
    orders: Sender<Order>,
    nanos: Receiver<f64>,
}

struct Order {
    gate: Arc<Gate>,
    requests: usize,
}

impl Crew {
    /// Both members around one shared recorder: the question.
    pub fn sharing<M: Alone + Clone + Send + 'static>(peer: Peer<M>) -> Self {
        Self::of(peer.clone(), peer)
    }

    /// A recorder for each member. What two threads still cost each other
    /// here is the machine's doing.
    pub fn of<M: Alone + Send + 'static>(first: Peer<M>, second: Peer<M>) -> Self {
        let (name, recorded) = (first.name, Arc::clone(&first.recorded));
        Self { name, members: [Member::new(first), Member::new(second)], recorded }
    }

    /// Nanoseconds a request with this many members at work.
    pub fn time(&self, members: usize, requests: usize) -> f64 {
        let gate = Arc::new(Gate::of(members));
        let at_work = &self.members[..members];
        for member in at_work {
            let order = Order { gate: Arc::clone(&gate), requests };
            member.orders.send(order).expect("members live as long as their crew");
        }
        let nanos = at_work.iter().map(|member| member.nanos.recv());
        nanos.map(|nanos| nanos.expect("members do not fail")).sum::<f64>() / members as f64
    }

    /// What the first member's recorder has seen.
    pub fn recorded(&self) -> Option<u64> {
        (self.recorded)()
    }
}

impl Member {
    fn new<M: Alone + Send + 'static>(peer: Peer<M>) -> Self {
        let (orders, inbox) = channel::<Order>();
        let (outbox, nanos) = channel();
        thread::spawn(move || {
            // Services stay on the thread that made them.
            let mut lane = alone(peer);
            for order in inbox {
                if outbox.send(obey(&order, &mut lane)).is_err() {
                    return;
                }
            }
        });
        Self { orders, nanos }
    }
}

fn obey(order: &Order, lane: &mut BoxedLane) -> f64 {
    batch(lane.as_mut(), order.requests, || order.gate.pass())
}

/// Opens when all have arrived. It spins, because waking a sleeper takes
/// longer than the work that is timed.
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn of(members: usize) -> Self {
        Self { missing: AtomicUsize::new(members) }
    }

    fn pass(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            std::hint::spin_loop();
        }
    }
}
