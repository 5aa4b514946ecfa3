//! No middleware at all, in the clothes of one.

use std::future::{Ready, ready};

use actix_web::dev::{Service, ServiceRequest, Transform};

use super::Peer;

#[derive(Clone, Copy)]
pub struct Bare;

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for Bare {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = S;
    type InitError = ();
    type Future = Ready<Result<S, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(service))
    }
}

pub fn bare() -> Peer<Bare> {
    Peer::silent("bare", Bare)
}
