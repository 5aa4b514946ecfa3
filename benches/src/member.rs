//! A thread of its own with one lane on it, as a worker of a server has its
//! service. Several middlewares on one thread would have to look for each
//! other's marks on every request, which no server's workers do.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::lane::Lane;
use crate::measure::{Seen, Turns, seen, turn_of};
use crate::settings::BoxedLane;

pub struct Member {
    name: &'static str,
    orders: Sender<Order>,
}

/// Something to be done with the lane, on its thread.
type Order = Box<dyn FnOnce(&mut dyn Lane) + Send>;

impl Member {
    /// Services stay on the thread that made them.
    pub fn new(name: &'static str, make: impl FnOnce() -> BoxedLane + Send + 'static) -> Self {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            let mut lane = make();
            for order in inbox {
                order(lane.as_mut());
            }
        });
        Self { name, orders }
    }

    /// What comes of `order`, as soon as it is there.
    pub fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut dyn Lane) -> T + Send + 'static,
    ) -> Answer<T> {
        let (outbox, answer) = channel();
        let order: Order = Box::new(move |lane| {
            // Nobody who asks goes away before the answer is there.
            let _ = outbox.send(order(lane));
        });
        self.orders.send(order).expect("members live as long as their crew");
        Answer(answer)
    }
}

impl Turns for Member {
    fn name(&self) -> &'static str {
        self.name
    }

    fn turn(&mut self) -> f64 {
        self.ask(|lane| turn_of(lane)).wait()
    }

    fn seen(&self) -> Seen {
        self.ask(|lane| seen(lane)).wait()
    }
}

/// An answer under way.
pub struct Answer<T>(Receiver<T>);

impl<T> Answer<T> {
    pub fn wait(self) -> T {
        self.0.recv().expect("members do not fail")
    }
}
